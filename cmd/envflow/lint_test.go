package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLint(t *testing.T) {
	t.Parallel()
	vars, path, stateDir := checkout(t, `load('lib/names.star', 'name')
local('echo ran; touch ran')
local_resource(name, 'true', resource_deps=['wbe'])
local_resource('web', 'true')
`)
	dir := filepath.Dir(path)
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("lib/names.star", "name = 'front'\nconfig = name\n")
	write("good.tiltfile", "load('lib/good.star', 'name')\nlocal_resource(name, 'true')\n")
	write("lib/good.star", "name = 'front'\n")
	write("broken.tiltfile", "local('echo one; echo two; exit 1')\n")

	const dependency = `Tiltfile:3:1: resource_deps: resource front depends on wbe, which does not exist; the dependency is ignored [unknown-dependency]
    hint: did you mean web?
`
	const shadowed = `lib/names.star:2:1: the variable config hides the builtin config [shadowed-name]
    hint: give it another name
`
	const failed = `broken.tiltfile:1:1: local: command "echo one; echo two; exit 1" failed: exit status 1 [error]
    stdout: one
    two
`
	const unread = `good.tiltfile: the argument --who is not known: the Tiltfile reads no arguments [error]
    hint: a Tiltfile defines arguments with config.define_string and its like, and reads them with config.parse
`
	elsewhere := append([]string{"PWD=" + filepath.Join(dir, "lib")}, vars[1:]...)
	for _, test := range []struct {
		line string
		vars []string
		want outcome
	}{
		{"lint --no-run", vars, outcome{4, shadowed, "Error: 1 problem in 2 files\n"}},
		{"lint", vars, outcome{4, dependency + shadowed, "Error: 2 problems in 2 files\n"}},
		{"lint -f " + path, elsewhere, outcome{4, "../" + dependency + strings.TrimPrefix(shadowed, "lib/"), "Error: 2 problems in 2 files\n"}},
		{"lint -f good.tiltfile", vars, outcome{0, "", "no problems in 2 files\n"}},
		{"lint -f good.tiltfile -o json", vars, outcome{0, "{\n  \"files\": [\n    \"good.tiltfile\",\n    \"lib/good.star\"\n  ],\n  \"findings\": []\n}\n", "no problems in 2 files\n"}},
		{"lint -f broken.tiltfile", vars, outcome{4, failed, "Error: 1 problem in 1 file\n"}},
		{"lint -f broken.tiltfile --no-run", vars, outcome{0, "", "no problems in 1 file\n"}},
		{"lint -f good.tiltfile -- --who", vars, outcome{4, unread, "Error: 1 problem in 2 files\n"}},
		{"lint -f none", vars, outcome{4, "", "Error: there is no Tiltfile at " + filepath.Join(dir, "none") + "\nHint: check the path after --file\n"}},
		{"lint x", vars, outcome{2, "", "Error: \"envflow lint\" takes no arguments, but there is \"x\"\nHint: run `envflow help lint`\n"}},
	} {
		if diff := cmp.Diff(test.want, runCLI(t, strings.Fields(test.line), test.vars...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.line, diff)
		}
		_, err := os.Stat(filepath.Join(dir, "ran"))
		if runs := test.line == "lint"; test.line == "lint --no-run" && err == nil || runs && err != nil {
			t.Errorf("%s: of the command that it runs: %v", test.line, err)
		}
	}
	machine := runCLI(t, []string{"lint", "--no-run", "-o", "json"}, vars...)
	const want = `{"files":["Tiltfile","lib/names.star"],"findings":[{"file":"lib/names.star","line":2,"column":1,"builtin":"","rule":"shadowed-name",` +
		`"message":"the variable config hides the builtin config","hint":"give it another name"}]}`
	if machine.Code != 4 || compact(t, machine.Stdout) != want {
		t.Errorf("as JSON: %+v", machine)
	}
	if got := runCLI(t, []string{"lint", "-v"}, vars...); !strings.Contains(got.Stderr, "ran\n") {
		t.Errorf("with -v: %+v", got)
	}
	if _, err := os.Stat(stateDir); err == nil {
		t.Error("it keeps state")
	}
}
