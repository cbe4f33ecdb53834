package render_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envflow/envflow/starlark"
)

// project is a folder whose Tiltfile is evaluated again and again with one cache.
type project struct {
	t     testing.TB
	dir   string
	o     starlark.Options
	files []string // that the last evaluation noted
}

func newProject(t testing.TB, tiltfile string) *project {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &project{t: t, dir: dir}
	p.o = starlark.Options{Path: p.path("Tiltfile"), Cache: starlark.NewCache(), Environ: []string{"PATH=" + os.Getenv("PATH")}}
	p.write("Tiltfile", tiltfile)
	return p
}

func (p *project) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

func (p *project) write(name, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) remove(name string) {
	p.t.Helper()
	if err := os.RemoveAll(p.path(name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) link(name, target string) {
	p.t.Helper()
	p.remove(name)
	if err := os.Symlink(target, p.path(name)); err != nil {
		p.t.Fatal(err)
	}
}

// evaluate returns what the Tiltfile prints.
func (p *project) evaluate() string {
	p.t.Helper()
	text, err := p.try()
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

func (p *project) try() (string, error) {
	p.t.Helper()
	var out bytes.Buffer
	p.o.Output = &out
	result, err := starlark.Evaluate(p.t.Context(), p.o)
	if err != nil {
		p.files = starlark.ConfigFilesOf(err)
	} else {
		p.files = result.Plan.ConfigFiles
	}
	for i, file := range p.files {
		p.files[i] = strings.TrimPrefix(filepath.ToSlash(file), filepath.ToSlash(p.dir)+"/")
	}
	return out.String(), err
}

// randomChart makes something else each time it is rendered.
func randomChart(p *project) {
	p.write("chart/Chart.yaml", "{apiVersion: v2, name: web, version: 0.1.0}\n")
	p.write("chart/values.yaml", "{a: 1}\n")
	p.write("chart/templates/cm.yaml", "kind: ConfigMap\nid: {{ uuidv4 }}\nmetadata: {}\n")
	p.write("chart/notes/a.txt", "a\n")
	p.write("chart/ignored.bak", "a\n")
	p.write("chart/.helmignore", "*.bak\n")
	p.write("values.yaml", "{b: 1}\n")
}

func TestHelm_IsRenderedOnceForTheSameFiles(t *testing.T) {
	t.Parallel()
	p := newProject(t, "print(helm('chart', values='values.yaml'))\n")
	randomChart(p)
	first := p.evaluate()
	noted := strings.Join(p.files, " ")
	if second := p.evaluate(); second != first {
		t.Errorf("got %s, then %s: it was rendered again", first, second)
	}
	if again := strings.Join(p.files, " "); again != noted {
		t.Errorf("config files are %s, then %s", noted, again)
	}
	p.write("Tiltfile", "\nprint(helm('chart', values='values.yaml'))\n")
	p.write("chart/ignored.bak", "b\n")
	p.write("other.txt", "b\n")
	if third := p.evaluate(); third != first {
		t.Errorf("got %s, then %s: it was rendered again for what it does not read", first, third)
	}
	p.o.Cache = nil
	if other := p.evaluate(); other == first {
		t.Error("without a cache it was not rendered again: this test shows nothing")
	}
}

func TestHelm_IsRenderedAgainForWhatChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*project){
		"a template": func(p *project) {
			p.write("chart/templates/cm.yaml", "kind: ConfigMap\nid: {{ uuidv4 }}\nmetadata: {a: b}\n")
		},
		"values of the chart":    func(p *project) { p.write("chart/values.yaml", "{a: 2}\n") },
		"metadata":               func(p *project) { p.write("chart/Chart.yaml", "{apiVersion: v2, name: web, version: 0.1.1}\n") },
		"a file of the chart":    func(p *project) { p.write("chart/notes/a.txt", "b\n") },
		"a values file":          func(p *project) { p.write("values.yaml", "{b: 2}\n") },
		"a new template":         func(p *project) { p.write("chart/templates/_new.tpl", "") },
		"a new file":             func(p *project) { p.write("chart/notes/b.txt", "") },
		"a file is gone":         func(p *project) { p.remove("chart/notes/a.txt") },
		"a file is renamed":      func(p *project) { p.remove("chart/notes/a.txt"); p.write("chart/notes/c.txt", "a\n") },
		"an ignored file counts": func(p *project) { p.write("chart/.helmignore", "") },
		"a file is ignored":      func(p *project) { p.write("chart/.helmignore", "*.bak\nnotes/\n") },
		"a link leads elsewhere": func(p *project) { p.link("chart/link.txt", "../one.txt") },
		"what a link leads to":   func(p *project) { p.write("one.txt", "changed\n"); p.link("chart/link.txt", "../one.txt") },
		"another name":           func(p *project) { p.write("Tiltfile", "print(helm('chart', values='values.yaml', name='x'))\n") },
		"another namespace":      func(p *project) { p.write("Tiltfile", "print(helm('chart', values='values.yaml', namespace='x'))\n") },
		"another version": func(p *project) {
			p.write("Tiltfile", "print(helm('chart', values='values.yaml', kube_version='1.30'))\n")
		},
		"a single value":        func(p *project) { p.write("Tiltfile", "print(helm('chart', values='values.yaml', set='a=3'))\n") },
		"no definitions":        func(p *project) { p.write("Tiltfile", "print(helm('chart', values='values.yaml', skip_crds=True))\n") },
		"no values":             func(p *project) { p.write("Tiltfile", "print(helm('chart'))\n") },
		"the same values twice": func(p *project) { p.write("Tiltfile", "print(helm('chart', values=['values.yaml'] * 2))\n") },
		"the context's namespace": func(p *project) {
			p.o.KubeNamespace = "other"
		},
		"helm's variable": func(p *project) {
			p.o.Environ = append(p.o.Environ, "HELM_NAMESPACE=other")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "print(helm('chart', values='values.yaml'))\n")
			randomChart(p)
			p.write("one.txt", "same\n")
			p.write("two.txt", "other\n")
			p.link("chart/link.txt", "../two.txt")
			if name == "what a link leads to" {
				p.link("chart/link.txt", "../one.txt")
			}
			first := p.evaluate()
			if p.evaluate() != first {
				t.Fatal("it was rendered again for no reason: this test shows nothing")
			}
			change(p)
			if p.evaluate() == first {
				t.Error("it was not rendered again")
			}
		})
	}
}

func TestHelm_ErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	p := newProject(t, "print(helm('chart', values='values.yaml'))\n")
	randomChart(p)
	p.write("chart/templates/bad.yaml", "{{ fail \"no\" }}\n")
	if _, err := p.try(); err == nil {
		t.Fatal("a template that fails is rendered")
	}
	p.remove("chart/templates/bad.yaml")
	if text := p.evaluate(); !strings.Contains(text, "id:") {
		t.Errorf("got %s", text)
	}
}
