package render_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envflow/envflow/starlark/render"
)

func TestHelm_NotesAllThatItReads(t *testing.T) {
	t.Parallel()
	p := newProject(t, "print(helm('charts/web', values=['v.yaml', 'dir/w.yaml']))\n")
	p.write("v.yaml", "")
	p.write("dir/w.yaml", "")
	p.write("charts/web/Chart.yaml", `
apiVersion: v1
name: web
version: 0.1.0
dependencies: [{name: not-here-in-v1, repository: "file://../from-chart"}]
`)
	p.write("charts/web/requirements.yaml", `
dependencies:
  - {name: lib, repository: "file://../lib"}
  - {name: abs, repository: "file://`+p.path("abs")+`"}
  - {name: far, repository: "https://example.com"}
`)
	for _, name := range []string{"lib", "abs", "far", "not-here-in-v1"} {
		p.write("charts/web/charts/"+name+"/Chart.yaml", "{apiVersion: v2, name: "+name+", version: 0.1.0}\n")
	}
	p.write("outside/file.txt", "")
	p.write("elsewhere/file.txt", "")
	p.link("charts/web/folder", "../../outside")
	p.link("charts/web/file.txt", "../../elsewhere/file.txt")
	p.evaluate()
	want := []string{
		".tiltignore", "Tiltfile", "charts/web/", "elsewhere/file.txt", "outside/", "charts/from-chart/", "charts/lib/", "abs/", "v.yaml", "dir/w.yaml",
	}
	if !slices.Equal(p.files, want) {
		t.Errorf("got  %q\nwant %q", p.files, want)
	}
}

func TestHelm_NotesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for tiltfile, want := range map[string]string{
		"helm('chart')":                    "chart/",
		"helm('there', values='no.yaml')":  "no.yaml",
		"helm('there', values=['a', 'b'])": "a",
	} {
		p := newProject(t, tiltfile+"\n")
		p.write("there/Chart.yaml", "{apiVersion: v2, name: there, version: 0.1.0}\n")
		if text, err := p.try(); err == nil {
			t.Errorf("%s: got %s, want an error", tiltfile, text)
		}
		if !slices.Contains(p.files, want) {
			t.Errorf("%s: %s is not noted: %q", tiltfile, want, p.files)
		}
	}
}

func TestHelm_FollowsLinks(t *testing.T) {
	t.Parallel()
	p := newProject(t, "print(helm('link'))\n")
	p.write("chart/Chart.yaml", "{apiVersion: v2, name: web, version: 0.1.0}\n")
	p.write("templates/deep/a.yaml", "kind: ConfigMap\n")
	p.link("chart/templates", "../templates")
	p.link("link", "chart")
	if text := p.evaluate(); !strings.Contains(text, "# Source: web/templates/deep/a.yaml\nkind: ConfigMap\n") {
		t.Errorf("got %s", text)
	}
	for _, name := range []string{"link/", "chart/", "templates/"} {
		if !slices.Contains(p.files, name) {
			t.Errorf("%s is not noted: %q", name, p.files)
		}
	}

	p.link("templates/round", "../templates")
	if _, err := p.try(); err == nil || !strings.Contains(err.Error(), "the link link/templates/round leads to a folder that it is in") {
		t.Errorf("got %v of a link that goes round", err)
	}
	p.write("chart/.helmignore", "round\n")
	p.evaluate()

	p.link("templates/round", "nowhere")
	if _, err := p.try(); err == nil || !strings.Contains(err.Error(), "follow the link link/templates/round: ") {
		t.Errorf("got %v of a link that leads nowhere", err)
	}
}

func TestHelm_RefusesFilesThatAreTooBig(t *testing.T) {
	t.Parallel()
	p := newProject(t, "helm('chart')\n")
	p.write("chart/Chart.yaml", "{apiVersion: v2, name: web, version: 0.1.0}\n")
	p.write("chart/big.bin", "")
	if err := os.Truncate(p.path("chart/big.bin"), 5<<20+1); err != nil {
		t.Fatal(err)
	}
	_, err := p.try()
	if err == nil || !strings.Contains(err.Error(), "chart/big.bin has 5242881 bytes, and helm takes files of up to 5242880\n") ||
		!strings.Contains(err.Error(), "hint: name it in .helmignore of the chart") {
		t.Errorf("got %v", err)
	}
	p.write("chart/.helmignore", "*.bin\n")
	p.evaluate()
}

// TestHelm_TakesValuesFromTheNetwork: each evaluation asks for them, and what they are decides whether the chart is rendered.
func TestHelm_TakesValuesFromTheNetwork(t *testing.T) {
	t.Parallel()
	answer, status := "a: 1\n", http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/dev/values.yaml" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	defer server.Close()
	p := newProject(t, "print(helm('chart', values='"+server.URL+"/dev/values.yaml'))\n")
	randomChart(p)
	p.write("chart/templates/a.yaml", "kind: ConfigMap\na: {{ .Values.a }}\n")
	first := p.evaluate()
	if again := p.evaluate(); !strings.Contains(first, "\na: 1\n") || again != first {
		t.Errorf("got %s, then %s", first, again)
	}
	answer = "a: 2\n"
	if text := p.evaluate(); !strings.Contains(text, "\na: 2\n") {
		t.Errorf("got %s of changed values", text)
	}
	status = http.StatusNotFound
	if _, err := p.try(); err == nil || !strings.Contains(err.Error(), "values.yaml: the server answered 404 Not Found") {
		t.Errorf("got %v", err)
	}
	server.Close()
	if _, err := p.try(); err == nil || !strings.Contains(err.Error(), "helm: values: read "+server.URL) {
		t.Errorf("got %v without a server", err)
	}
}

func TestHelm_ValuesFromAServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"at all": "", "to its end": "a: "} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if begin != "" {
				_, _ = io.WriteString(w, begin) // the client sees it
				http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
		}))
		t.Cleanup(server.Close)
		_, err := render.Download(t, server.URL, 50*time.Millisecond)
		if err == nil || err.Error() != "it is not there within 50ms" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The Tiltfile's variables count, as for commands.
func TestHelm_ValuesThroughAProxy(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "word: from "+r.URL.String()+"\n") // the client sees it
	}))
	t.Cleanup(proxy.Close)
	for _, variable := range []string{"http_proxy", "HTTP_PROXY"} {
		p := newProject(t, "os.putenv('"+variable+"', '"+proxy.URL+"')\nprint(helm('chart', values='http://values.example/a.yaml'))\n")
		p.write("chart/Chart.yaml", "{apiVersion: v2, name: chart, version: 1.0.0}\n")
		p.write("chart/templates/a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {word: '{{ .Values.word }}'}}\n")
		if text := p.evaluate(); !strings.Contains(text, "from http://values.example/a.yaml") {
			t.Errorf("%s: got %s", variable, text)
		}
	}
}
