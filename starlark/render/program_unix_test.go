//go:build unix

package render_test

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/testenv"
	"github.com/envflow/envflow/starlark"
)

// script makes a program that prints its arguments, its folder and a variable.
func (p *project) script(name string) {
	p.t.Helper()
	testenv.Program(p.t, p.path(name), "#!/bin/sh\necho \"$(basename $0) $* in $(basename $PWD), MODE=$MODE\"\n")
}

func TestKustomize_RunsTheProgram(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		programs []string
		call     string
		want     string
	}{
		"for flags": {
			programs: []string{"bin/kustomize", "bin/kubectl"}, call: "kustomize('deploy/dev', flags=['--enable-helm', '--x=a b'])",
			want: "kustomize build --enable-helm --x=a b deploy/dev in sub, MODE=dev",
		},
		"of kubectl if there is no other": {
			programs: []string{"bin/kubectl"}, call: "kustomize('deploy/dev', flags=['--enable-helm'])",
			want: "kubectl kustomize --enable-helm deploy/dev in sub, MODE=dev",
		},
		"that the Tiltfile names": {
			programs: []string{"sub/tools/mine", "bin/kustomize"}, call: "kustomize('deploy/dev', kustomize_bin='tools/mine')",
			want: "mine build deploy/dev in sub, MODE=dev",
		},
		"that the Tiltfile names, with flags": {
			programs: []string{"sub/tools/mine"}, call: "kustomize('deploy/dev', 'tools/mine', ['-f'])",
			want: "mine build -f deploy/dev in sub, MODE=dev",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "os.putenv('MODE', 'dev')\nload('sub/lib.star', 'text')\nprint(text)\n")
			p.o.Environ = []string{"PATH=" + p.path("bin") + ":/usr/bin:/bin"}
			p.write("sub/lib.star", "text = "+c.call+"\n")
			p.write("sub/deploy/dev/kustomization.yaml", "helmCharts: [{name: x}]\n")
			for _, program := range c.programs {
				p.script(program)
			}
			if text := p.evaluate(); !strings.Contains(text, "\n"+c.want+"\n") {
				t.Errorf("got %s\nwant %s", text, c.want)
			}
			if text := p.evaluate(); !strings.Contains(text, "\n"+c.want+"\n") {
				t.Errorf("the second time: got %s\nwant %s", text, c.want)
			}
		})
	}
}

func TestKustomize_SaysWhatTheProgramSays(t *testing.T) {
	t.Parallel()
	p := newProject(t, "kustomize('k', flags=['-x'])\n")
	p.o.Environ = []string{"PATH=" + p.path("bin")}
	p.write("k/kustomization.yaml", "resources: []\n")
	testenv.Program(t, p.path("bin/kustomize"), "#!/bin/sh\necho out\necho \"Error: unknown flag $2\" >&2\nexit 3\n")
	_, err := p.try()
	if err == nil {
		t.Fatal("it fails and nobody says so")
	}
	if want := p.path("bin/kustomize") + " build -x k: exit status 3\nError: unknown flag -x\n"; !strings.Contains(err.Error(), "kustomize: k: "+want) {
		t.Errorf("got %v\nwant in it %s", err, want)
	}
}

// A program's children end with the evaluation: nothing else would end them.
func TestKustomize_EndsTheProgramsChildren(t *testing.T) {
	t.Parallel()
	p := newProject(t, "kustomize('k', flags=['-x'])\n")
	p.o.Environ = []string{"PATH=" + p.path("bin") + ":/usr/bin:/bin"}
	p.write("k/kustomization.yaml", "resources: []\n")
	testenv.Program(t, p.path("bin/kustomize"), "#!/bin/sh\nsleep 1000 >pipe &\nwait\n")
	if err := syscall.Mkfifo(p.path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := starlark.Evaluate(ctx, p.o)
		failed <- err
	}()
	pipe, err := os.Open(p.path("pipe")) // when the child has
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := pipe.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(pipe); err != nil { // it ends when nobody has it open for writing
		t.Errorf("the child is still there: %v", err)
	}
}

func TestKustomize_EndsAProgramThatPrintsWithoutEnd(t *testing.T) {
	t.Parallel()
	p := newProject(t, "kustomize('k', flags=['-x'])\n")
	p.o.Environ = []string{"PATH=" + p.path("bin") + ":/usr/bin:/bin"}
	p.write("k/kustomization.yaml", "resources: []\n")
	// The loop goes on when nobody reads what its commands print.
	testenv.Program(t, p.path("bin/kustomize"), "#!/bin/sh\nwhile :; do head -c 9999999 /dev/zero; done\n")
	if _, err := p.try(); err == nil || !strings.Contains(err.Error(), `kustomize build -x k" printed more than 64 MiB`) {
		t.Errorf("got %v", err)
	}
}

func TestKustomize_TheProgramSeesTheKubeconfig(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]string{"": "k=/frozen\n", "os.putenv('KUBECONFIG', '/of/tiltfile')\n": "k=/of/tiltfile\n"} {
		p := newProject(t, before+"print(kustomize('k', flags=['-x']))\n")
		p.o.Environ = []string{"PATH=" + p.path("bin"), "KUBECONFIG=/of/terminal"}
		p.o.KubeConfigPath = "/frozen"
		p.write("k/kustomization.yaml", "resources: []\n")
		testenv.Program(t, p.path("bin/kustomize"), "#!/bin/sh\necho k=$KUBECONFIG\n")
		if got := p.evaluate(); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q in it", before, got, want)
		}
	}
}

// TestKustomize_NotesWhatAProgramMayRead: which files it reads cannot be seen.
func TestKustomize_NotesWhatAProgramMayRead(t *testing.T) {
	t.Parallel()
	p := newProject(t, "print(kustomize('dev', flags=['--enable-helm']))\n")
	p.o.Environ = []string{"PATH=" + p.path("bin") + ":/usr/bin:/bin"}
	p.script("bin/kustomize")
	p.write("dev/kustomization.yaml", `
resources: [../base, own.yaml, ../missing.yaml, "https://example.com/a.yaml", ../loop]
components: [../component]
patches:
  - path: patch.yaml
  - patch: |-
      kind: inline.yaml
      metadata: {name: x}
configMapGenerator: [{name: c, files: [renamed=data.txt, "a=b=c.txt"], envs: [vars.env], literals: [A=own.yaml]}]
helmGlobals: {chartHome: ../charts}
helmCharts: [{name: web, valuesFile: values.yaml, additionalValuesFiles: [later.yaml]}]
openapi: {path: schema.json}
`)
	for _, name := range []string{"own.yaml", "patch.yaml", "data.txt", "vars.env", "values.yaml", "unused.yaml"} {
		p.write("dev/"+name, "a: b\n")
	}
	p.write("base/kustomization.yml", "resources: [deeper]\nhelmCharts: [{name: x}]\n")
	p.write("base/deeper/Kustomization", "resources: [a.yaml]\n")
	p.write("base/deeper/a.yaml", "a: b\n")
	p.write("component/kustomization.yaml", "kind: Component\npatches: [{path: c.yaml}]\n")
	p.write("component/c.yaml", "a: b\n")
	p.write("loop/kustomization.yaml", "resources: [../dev, ../loop]\n")
	p.evaluate()
	for _, name := range []string{
		"dev/kustomization.yaml", "dev/kustomization.yml", "dev/Kustomization",
		"dev/own.yaml", "dev/patch.yaml", "dev/data.txt", "dev/vars.env", "dev/values.yaml", "dev/later.yaml", "dev/schema.json", "missing.yaml",
		"charts/", "base/charts/", "base/kustomization.yml", "base/deeper/Kustomization", "base/deeper/a.yaml", "component/c.yaml", "loop/kustomization.yaml",
	} {
		if !slices.Contains(p.files, name) {
			t.Errorf("%s is not noted", name)
		}
	}
	for _, name := range p.files {
		if name == "dev/unused.yaml" || name == "dev/" || strings.Contains(name, "inline") || strings.Contains(name, "example.com") {
			t.Errorf("%s is noted", name)
		}
	}
}
