package starlark_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/envflow/envflow/starlark/lsp"
)

// A mistake that the editor shows must be one: what evaluates has none.
func TestEditor_ShowsNoMistakesInWhatEvaluates(t *testing.T) {
	t.Parallel()
	count := 0
	for _, path := range caseFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range splitCases(t, string(data)) {
			if len(c.errors) > 0 {
				continue
			}
			p := newProject(t, "")
			var scripts []string
			for name, content := range c.files {
				p.write(name, content)
				if name == "Tiltfile" || name == c.options.Main || strings.HasSuffix(name, ".star") || filepath.Base(name) == "Tiltfile" {
					scripts = append(scripts, filepath.Join(p.dir, name))
				}
			}
			for _, script := range scripts {
				count++
				for _, mistake := range mistakes(t, script) {
					t.Errorf("%s, case %q, %s", path, c.name, mistake)
				}
			}
		}
	}
	if count < 300 {
		t.Errorf("looked at %d files only", count)
	}
}

// TestEditor_ShowsNoMistakesInExamples looks at the examples of the documentation and of this repository.
func TestEditor_ShowsNoMistakesInExamples(t *testing.T) {
	t.Parallel()
	example := regexp.MustCompile("(?s)```python\n(.*?)```")
	for _, d := range builtins(t) {
		if d.Name == "load" {
			continue // of a file that is not there
		}
		for i, found := range example.FindAllStringSubmatch(d.Text, -1) {
			path := filepath.Join(t.TempDir(), fmt.Sprintf("%s_%d", d.Name, i))
			if err := os.WriteFile(path, []byte(found[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, mistake := range mistakes(t, path) {
				t.Errorf("the example of %s:\n%s%s", d.Name, found[1], mistake)
			}
		}
	}
	paths, err := filepath.Glob("../examples/*/Tiltfile")
	if err != nil || len(paths) == 0 {
		t.Fatalf("find examples: %v, %d files", err, len(paths))
	}
	for _, path := range paths {
		for _, mistake := range mistakes(t, path) {
			t.Error(mistake)
		}
	}
}

// mistakes opens a file as an editor does, and returns the mistakes that it is told of.
func mistakes(t *testing.T, path string) (list []string) {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var in, out bytes.Buffer
	send := func(message map[string]any) {
		body, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&in, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	uri := (&url.URL{Scheme: "file", Path: path}).String()
	send(map[string]any{"id": 1, "method": "initialize", "params": map[string]any{}})
	send(map[string]any{"method": "textDocument/didOpen", "params": map[string]any{"textDocument": map[string]any{"uri": uri, "text": string(text)}}})
	if err := lsp.Serve(t.Context(), lsp.Options{In: &in, Out: &out, Docs: builtins(t)}); err != nil {
		t.Fatal(err)
	}
	published := false
	for r := bufio.NewReader(&out); ; {
		header, err := textproto.NewReader(r).ReadMIMEHeader()
		if errors.Is(err, io.EOF) && len(header) == 0 {
			break
		}
		length, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(r, body); err != nil {
			t.Fatal(err)
		}
		var message struct {
			Method string
			Params struct {
				Diagnostics []struct {
					Range   struct{ Start struct{ Line int } }
					Message string
				}
			}
		}
		if err := json.Unmarshal(body, &message); err != nil {
			t.Fatal(err)
		}
		published = published || message.Method == "textDocument/publishDiagnostics"
		for _, d := range message.Params.Diagnostics {
			list = append(list, fmt.Sprintf("%s:%d: %s", filepath.Base(path), d.Range.Start.Line+1, d.Message))
		}
	}
	if !published {
		t.Fatalf("nothing was published of %s", path)
	}
	return list
}
