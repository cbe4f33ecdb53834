package starlark_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/envflow/envflow/starlark"
)

func TestCompose_WatchOfABuild(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
docker_compose('compose.yaml')
watch_settings(ignore='*.log')
-- compose.yaml --
services:
  web:
    build: {context: ./web, dockerfile: dev.Dockerfile}
    volumes:
    - ./web/src:/src
    - ./web/one.conf:/etc/one.conf
    - ./web/a[b]:/ab
    - cache:/cache
volumes: {cache: {}}
-- web/dev.Dockerfile --
FROM scratch
-- web/dev.Dockerfile.dockerignore --
tmp
-- web/.dockerignore --
other
-- .tiltignore --
web/notes.txt
`)
	ignored := p.plan().Resource("web").Compose.Ignores
	for name, want := range map[string]bool{
		"web/main.go":        false,
		"web/other":          false, // there is an ignore file for this Dockerfile
		"web/cache":          false, // a volume of the engine
		"web/a/x":            false,
		"web/b/one.conf":     false,
		"web/tmp/x":          true,
		"web/src/main.go":    true, // it is in the container already
		"web/src/sub/x":      true,
		"web/one.conf":       true,
		"web/a[b]/x":         true,
		"web/.main.go.swp":   true,
		"web/notes.txt":      true,
		"debug.log":          true,
		"web/dev.Dockerfile": false,
	} {
		if got := p.ignored(ignored, name); got != want {
			t.Errorf("%s is ignored: %t, want %t", name, got, want)
		}
	}
}

func TestCompose_WholeContextIsMounted(t *testing.T) {
	t.Parallel()
	p := newProject(t, "docker_compose('compose.yaml')\n-- compose.yaml --\nservices: {web: {build: ./web, volumes: ['./web:/app']}}\n")
	if !p.ignored(p.plan().Resource("web").Compose.Ignores, "web/main.go") {
		t.Error("a file that is in the container anyway makes Compose build")
	}
}

// Whoever adds the missing file, or mends the wrong one, wants the Tiltfile to be evaluated again.
func TestCompose_ConfigFilesOfAFailure(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		compose string
		want    []string
	}{
		"missing include":      {"include: [sub/a.yaml]\n", []string{"compose.yaml", ".env", "sub/a.yaml", "sub/.env"}},
		"missing extends":      {"services: {web: {extends: {file: base.yaml, service: web}}}\n", []string{"compose.yaml", "base.yaml"}},
		"missing env file":     {"services: {web: {image: x, env_file: [a.env, {path: b.env}]}}\n", []string{"compose.yaml", "a.env", "b.env"}},
		"missing label file":   {"services: {web: {image: x, label_file: l}}\n", []string{"compose.yaml", "l"}},
		"wrong file":           {"services: [\n", []string{"compose.yaml"}},
		"wrong includes":       {"include: {a: b}\n", []string{"compose.yaml"}},
		"env file of includes": {"include: [{path: a.yaml, env_file: [v.env]}]\n", []string{"a.yaml", "v.env"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "docker_compose('compose.yaml')\n-- compose.yaml --\n"+test.compose)
			_, err := starlark.Evaluate(t.Context(), p.opts)
			if err == nil {
				t.Fatal("it evaluated")
			}
			files := starlark.ConfigFilesOf(err)
			for _, want := range test.want {
				if !slices.Contains(files, filepath.Join(p.dir, want)) {
					t.Errorf("%s is not in %v", want, files)
				}
			}
		})
	}
}

// Plans are compared by their digest.
func TestCompose_SamePlanEachTime(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
docker_compose(['compose.yaml', 'more.yaml'])
-- compose.yaml --
include: [inc/compose.yaml]
services:
  a: {image: a, environment: {A: '1', B: '2', C: '3'}, env_file: a.env, depends_on: [b, c, d]}
  b: {build: {context: ., args: {X: '1', Y: '2'}}, env_file: b.env}
  c: {image: c, labels: {x: '1', y: '2'}, env_file: c.env}
-- more.yaml --
services:
  d: {image: d, ports: ['1:1', '2:2'], environment: {Z: '$UNSET1 $UNSET2'}}
-- inc/compose.yaml --
services: {e: {image: e}, f: {image: f}, g: {image: g}}
-- a.env --
-- b.env --
-- c.env --
-- Dockerfile --
FROM scratch
`)
	first := ""
	for range 10 {
		data, err := json.Marshal(p.plan())
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(data)
		}
		if string(data) != first {
			t.Fatalf("got two plans:\n%s\n%s", first, data)
		}
	}
}
