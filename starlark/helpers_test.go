package starlark_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/patternmatcher"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark"
)

// project is a folder with a Tiltfile, evaluated by a test.
type project struct {
	t      *testing.T
	dir    string
	opts   starlark.Options
	output bytes.Buffer
}

// newProject writes the files of a text in the format of txtar: "-- name --" begins a file, what is before the first is the
// Tiltfile.
func newProject(t *testing.T, text string) *project {
	t.Helper()
	p := &project{t: t, dir: t.TempDir()}
	p.opts = starlark.Options{
		Path:        filepath.Join(p.dir, "Tiltfile"),
		Subcommand:  "up",
		KubeContext: "kind-test", KubeLocal: true,
		Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nowhere"},
		Output:  &p.output,
	}
	name, content := "Tiltfile", ""
	for line := range strings.Lines(text) {
		if next, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(next, " --\n") {
			p.write(name, content)
			name, content = strings.TrimSuffix(next, " --\n"), ""
			continue
		}
		content += line
	}
	p.write(name, content)
	return p
}

func (p *project) write(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// plan evaluates a Tiltfile that is right.
func (p *project) plan() *plan.Plan {
	p.t.Helper()
	result, err := starlark.Evaluate(p.t.Context(), p.opts)
	if err != nil {
		p.t.Fatalf("evaluate: %v", err)
	}
	return result.Plan
}

// fails evaluates a Tiltfile that is wrong and returns the text of the error.
func (p *project) fails() string {
	p.t.Helper()
	result, err := starlark.Evaluate(p.t.Context(), p.opts)
	if err == nil {
		p.t.Fatalf("it evaluated to %+v, want an error", result.Plan)
	}
	return strings.ReplaceAll(err.Error(), p.dir, "DIR")
}

// printed is what the Tiltfile wrote.
func (p *project) printed() string { return strings.ReplaceAll(p.output.String(), p.dir, "DIR") }

// ignored reports whether one of the lists ignores a path of the project.
func (p *project) ignored(lists []plan.Ignore, name string) bool {
	p.t.Helper()
	for _, list := range lists {
		rel, err := filepath.Rel(list.Base, filepath.Join(p.dir, name))
		if err != nil {
			p.t.Fatal(err)
		}
		matcher, err := patternmatcher.New(list.Patterns)
		if err != nil {
			p.t.Fatal(err)
		}
		matches, err := matcher.MatchesOrParentMatches(rel)
		if err != nil {
			p.t.Fatal(err)
		}
		if matches {
			return true
		}
	}
	return false
}

// deployment is the YAML of a Deployment with a Service.
func deployment(name, image string) string {
	return strings.NewReplacer("NAME", name, "IMAGE", image).Replace(`apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 3
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME, tier: web}}
    spec:
      containers: [{name: c, image: IMAGE, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: NAME-svc}
spec: {selector: {app: NAME}, ports: [{port: 80, targetPort: 8080}]}
`)
}

// waitForFile waits until a file is there, as a command of the test writes it.
func waitForFile(t *testing.T, path string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("%s does not appear", path)
		}
	}
}
