package starlark_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envflow/envflow/starlark"
)

// The whole text of errors: place, message, source line with a caret, callers, hint.
func TestErrors_Text(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, tiltfile, want string }{
		{"unknown argument", "def build(name):\n\tdocker_build(name, contxt='.')\n\nbuild('web')\n", `
Tiltfile:2:2: docker_build: unexpected keyword argument "contxt" (did you mean context?)
  2 | 	docker_build(name, contxt='.')
    | 	^
called from:
  Tiltfile:4:1 in <toplevel>`},
		{"unknown names", "docker_bild('web', '.')\nprint(foo)\n", `
Tiltfile:1:1: undefined: docker_bild
Tiltfile:2:7: undefined: foo
  1 | docker_bild('web', '.')
    | ^
hint: did you mean docker_build?`},
		{"syntax", "print('a'\nprint('b')\n", `
Tiltfile:2:1: got identifier, want ','
  2 | print('b')
    | ^`},
		{"loaded file", "load('lib/a.star', 'f')\n-- lib/a.star --\ndef f():\n  return 1 + 'a'\n\nf()\n", `
lib/a.star:2:12: unknown binary op: int + string
  2 |   return 1 + 'a'
    |            ^
called from:
  lib/a.star:4:1 in <toplevel>
  Tiltfile:1:1 in <toplevel>`},
		{"syntax in an included file", "include('a.star')\n-- a.star --\nx = = 1\n", `
a.star:1:5: got '=', want primary expression
  1 | x = = 1
    |     ^
called from:
  Tiltfile:1:1 in <toplevel>`},
		{"missing file", "load('a.star', 'f')\n", `
Tiltfile:1:1: cannot load a.star: there is no file a.star
  1 | load('a.star', 'f')
    | ^`},
		{"files that load each other", "load('a.star', 'f')\n-- a.star --\nload('Tiltfile', 'g')\nf = 1\n", `
a.star:1:1: cannot load Tiltfile: Tiltfile is being executed already
  1 | load('Tiltfile', 'g')
    | ^
called from:
  Tiltfile:1:1 in <toplevel>
hint: two files load each other; move what both need to a third`},
		{"extension", "load('ext://restart_process', 'x')\n", `
Tiltfile:1:1: cannot load ext://restart_process: there is no folder to keep the extensions of https://github.com/tilt-dev/tilt-extensions in
  1 | load('ext://restart_process', 'x')
    | ^
hint: set HOME or XDG_DATA_HOME`},
		{"fail", "def f():\n  fail('no luck')\nf()\n", `
Tiltfile:2:3: no luck
  2 |   fail('no luck')
    |   ^
called from:
  Tiltfile:3:1 in <toplevel>`},
		{"failing command", "local('echo out; echo bad >&2; exit 3')\n", `
Tiltfile:1:1: local: command "echo out; echo bad >&2; exit 3" failed: exit status 3
stdout: out
stderr: bad
  1 | local('echo out; echo bad >&2; exit 3')
    | ^`},
		{"at assembly", "k8s_yaml('k.yaml')\ndef r():\n  k8s_resource('wep', labels='a')\nr()\n-- k.yaml --\n" + deployment("web", "web"), `
Tiltfile:3:3: k8s_resource: there is no resource "wep"; there are: web
  3 |   k8s_resource('wep', labels='a')
    |   ^
called from:
  Tiltfile:4:1 in <toplevel>
hint: did you mean "web"?`},
		{"missing Dockerfile", "docker_build('web', 'web')\n", `
Tiltfile:1:1: docker_build: there is no Dockerfile web/Dockerfile
  1 | docker_build('web', 'web')
    | ^
hint: dockerfile=... names another one; paths start from DIR`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, want := newProject(t, test.tiltfile).fails(), strings.TrimPrefix(test.want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestErrors_HoldPlaceAndConfigFiles(t *testing.T) {
	t.Parallel()
	p := newProject(t, "load('a.star', 'f')\nread_file('gone.txt', default='')\nf('secret')\n-- a.star --\ndef f(x):\n  local('echo %s; false' % x)\n")
	_, err := starlark.Evaluate(t.Context(), p.opts)
	e, ok := errors.AsType[*starlark.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.File != filepath.Join(p.dir, "a.star") || e.Line != 2 || e.Column != 3 || e.Builtin != "local" || len(e.Stack) != 2 {
		t.Errorf("the place is %s:%d:%d in %s with %d frames", e.File, e.Line, e.Column, e.Builtin, len(e.Stack))
	}
	if got, want := e.Summary(), "a.star:2:3: local failed"; got != want {
		t.Errorf("summary: got %q, want %q", got, want)
	}
	for _, name := range []string{"Tiltfile", "a.star", "gone.txt", ".tiltignore"} {
		if !slices.Contains(starlark.ConfigFilesOf(err), filepath.Join(p.dir, name)) {
			t.Errorf("%s is not in the config files %v", name, starlark.ConfigFilesOf(err))
		}
	}
}

func TestErrors_MissingTiltfile(t *testing.T) {
	t.Parallel()
	p := newProject(t, "")
	p.opts.Path = filepath.Join(p.dir, "sub", "Tiltfile")
	_, err := starlark.Evaluate(t.Context(), p.opts)
	if err == nil || err.Error() != "there is no file Tiltfile" {
		t.Errorf("got %v", err)
	}
	if files := starlark.ConfigFilesOf(err); !slices.Contains(files, p.opts.Path) {
		t.Errorf("the Tiltfile is not in %v", files)
	}
}

func TestErrors_EndlessPrograms(t *testing.T) {
	t.Parallel()
	t.Run("recursion", func(t *testing.T) {
		t.Parallel()
		got := newProject(t, "def f():\n  return f()\nf()\n").fails()
		if !strings.HasPrefix(got, "Tiltfile:2:10: recursion is too deep\n") || strings.Count(got, "\n") > 40 {
			t.Errorf("got %s", got)
		}
	})
	for name, tiltfile := range map[string]string{"loop": "while True:\n  pass\n", "command": "local('sleep 100 & sleep 100')\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, tiltfile)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := starlark.Evaluate(ctx, p.opts)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the context's error", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %s to end", took)
			}
		})
	}
}
