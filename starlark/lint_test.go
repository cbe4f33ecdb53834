package starlark_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/starlark"
	"github.com/envflow/envflow/starlark/lint"
)

// What takes an evaluation. What does not is in starlark/lint.
func TestLint(t *testing.T) {
	t.Parallel()
	const pod = "k8s_yaml(blob('{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: web}]}}'))\n"
	const second = "k8s_yaml(blob('{apiVersion: v1, kind: Pod, metadata: {name: db}, spec: {containers: [{name: c, image: db}]}}'))\n"
	tests := []struct{ name, tiltfile, want string }{
		{"nothing", "local_resource('a', 'true', resource_deps=['b'])\nlocal_resource('b', 'true')\n", ""},
		{"an image that is not used", pod + "def build(name):\n  docker_build(name, '.', dockerfile_contents='FROM scratch')\nbuild('web')\nbuild('wbe')\n", `
Tiltfile:3:3 [unused-image] docker_build the image wbe is not built: no resource uses it. update_settings(suppress_unused_image_warnings=["wbe"]) hides this`},
		{"images that nobody minds", pod + "update_settings(suppress_unused_image_warnings=['a'])\ndocker_build('a', '.', dockerfile_contents='FROM scratch')\n", ""},
		{"a dependency that is not there", "local_resource('front', 'true', resource_deps=['bakc', 'zzzzzz'])\nlocal_resource('back', 'true')\n", `
Tiltfile:1:1 [unknown-dependency] resource_deps resource front depends on bakc, which does not exist; the dependency is ignored. did you mean back?
Tiltfile:1:1 [unknown-dependency] resource_deps resource front depends on zzzzzz, which does not exist; the dependency is ignored.`},
		{"what does nothing", "set_team('x')\nlocal_resource('a', 'true')\n", `
Tiltfile:1:1 [does-nothing] set_team set_team does nothing: envflow sends nothing to a cloud.`},
		{"warnings of its own, told once", "for i in [1, 2]:\n  warn('careful')\nlocal_resource('a', 'true')\n", "Tiltfile:2:3 [warning]  careful."},
		{"nothing at all", "x = 1\n", "Tiltfile:0:0 [no-resources]  the Tiltfile defines no resources."},
		{"a port twice", pod + second + "k8s_resource('web', port_forwards='8000:80')\nk8s_resource('db', port_forwards=[9000, '8000:5432'])\n", `
Tiltfile:2:1 [port-clash] port_forwards resource db forwards localhost:8000, which resource web does already. give one of them another local port, such as 8001:5432`},
		{"ports of alternatives", pod + second + "k8s_resource('web', port_forwards=8000)\nk8s_resource('db', port_forwards=8000, auto_init=False)\n", ""},
		{"ports of several hosts", pod + second + "k8s_resource('web', port_forwards='127.0.0.2:8000:80')\nk8s_resource('db', port_forwards='127.0.0.3:8000:80')\n", ""},
		{"an error", "local_resource('a', 'true')\nos = 1\ndef f():\n  docker_build('a', '.', contxt='.')\nf()\n", `
Tiltfile:2:1 [shadowed-name]  the variable os hides the builtin os. give it another name
Tiltfile:4:3 [error] docker_build unexpected keyword argument "contxt" (did you mean context?).`},
		{"an error that reading has found", "print(nowhere)\n", "Tiltfile:1:7 [undefined]  undefined: nowhere."},
		{"an error of a loaded file that reading has found", "load('a.star', 'x')\nlocal_resource('a', 'true')\nprint(x)\n-- a.star --\nx = = 1\n", "a.star:1:5 [syntax]  got '=', want primary expression."},
		{"an error beside what reading has found", "if True:\n  fail('no')\nload('a.star', 'x')\nprint(x)\n-- a.star --\nother = 1\n", `
Tiltfile:2:3 [error]  no.
Tiltfile:3:17 [undefined]  a.star defines no x.`},
		{"a name of a long load that is not there", "load(\n  'a.star',\n  'x',\n)\nprint(x)\n-- a.star --\nother = 1\n", "Tiltfile:3:4 [undefined]  a.star defines no x."},
		{"a file that is not there", "load('b.star',\n  'x')\nprint(x)\n", "Tiltfile:1:1 [missing-file]  there is no file b.star."},
		{"what is accepted", "set_team('x')  # envflow: ignore\nwarn('y')  # envflow: ignore=does-nothing\nlocal_resource('a', 'true', resource_deps=['b'])  # envflow: ignore=unknown-dependency\n", `
Tiltfile:2:1 [warning]  y.`},
		{"an error that is accepted", "fail('no')  # envflow: ignore=error\n", ""},
		{"a file that is not UTF-8", "\ufeffprint(1)\n", "Tiltfile:1:1 [syntax]  the file begins with a byte order mark. save it as UTF-8 without one"},
		{"a file whose name is made", "include('a' + '.star')\nlocal_resource('a', 'true')\n-- a.star --\nos = 1\n", "a.star:1:1 [shadowed-name]  the variable os hides the builtin os. give it another name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := newProject(t, test.tiltfile).lint()
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// lint evaluates and returns what is found, a line for each.
func (p *project) lint() string {
	p.t.Helper()
	report, err := starlark.Lint(p.t.Context(), p.opts)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.findings(report)
}

// lintFiles is lint without evaluating.
func (p *project) lintFiles() string {
	p.t.Helper()
	return p.findings(starlark.LintFiles(p.t.Context(), p.opts.Path))
}

func (p *project) findings(report lint.Report) string {
	p.t.Helper()
	var lines []string
	for _, f := range report.Findings {
		path, err := filepath.Rel(p.dir, f.File)
		if err != nil {
			p.t.Fatal(err)
		}
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s:%d:%d [%s] %s %s. %s", filepath.ToSlash(path), f.Line, f.Column, f.Rule, f.Builtin, f.Message, f.Hint), " "))
	}
	return strings.Join(lines, "\n")
}

// Nobody can mend the files of an extension here: what their functions do is told where they are called, and the rest is not.
func TestLint_Extension(t *testing.T) {
	t.Parallel()
	const image = "docker_build('x', '.', dockerfile_contents='FROM scratch')\n"
	p, _ := newExtensionProject(t, "load('ext://hello', 'f')\nlocal_resource('a', 'true')\nf()\n", map[string]string{
		"hello/Tiltfile": "os = 1\nwarn('loaded')\ndef f():\n    " + image + "def fails():\n    fail('no')\n",
	})
	const want = `Tiltfile:3:1 [unused-image] docker_build the image x is not built: the Tiltfile has no resource with a container. ` +
		`update_settings(suppress_unused_image_warnings=["x"]) hides this`
	if diff := cmp.Diff(want, p.lint()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.write("Tiltfile", "load('ext://hello', 'fails')\ndef g():\n  fails()\ng()\n")
	if got := p.lint(); got != "Tiltfile:3:3 [error]  no." {
		t.Errorf("an error: %s", got)
	}
	if got := p.lintFiles(); got != "" {
		t.Errorf("without running: %s", got)
	}
}

func TestLint_WithoutRunning(t *testing.T) {
	t.Parallel()
	p := newProject(t, "local('touch ran')\nos = 1\nfail('no')\n")
	if got, want := p.lintFiles(), "Tiltfile:2:1 [shadowed-name]  the variable os hides the builtin os. give it another name"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "ran")); err == nil {
		t.Error("the command has run")
	}
	p.lint()
	if _, err := os.Stat(filepath.Join(p.dir, "ran")); err != nil {
		t.Errorf("the command has not run: %v", err)
	}
}

func TestLint_Cancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := starlark.Lint(ctx, newProject(t, "local('true')\n").opts); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// What people copy has nothing to mend.
func TestLint_Examples(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../examples/*/Tiltfile")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no examples: %v", err)
	}
	for _, path := range paths {
		for _, f := range starlark.LintFiles(t.Context(), path).Findings {
			t.Errorf("%s:%d:%d: %s [%s]", path, f.Line, f.Column, f.Message, f.Rule)
		}
	}
}
