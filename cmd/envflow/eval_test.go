package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// evaluatedEnvironment is one that is paused and has evaluated the Tiltfile at path as it is now. args are those of its up.
func evaluatedEnvironment(t *testing.T, vars []string, stateDir, path string, status *api.Status, args ...string) environment.Environment {
	t.Helper()
	got := runCLI(t, append([]string{"eval", "--"}, args...), vars...)
	var p plan.Plan
	if err := json.Unmarshal([]byte(got.Stdout), &p); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	env := pausedEnvironment(t, stateDir, path, "", status, nil)
	store, err := records.Open(t.Context(), env.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	data, err := json.Marshal(&p)
	if err != nil {
		t.Fatal(err)
	}
	words, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutPlan(t.Context(), plan.Digest(&p), data); err != nil {
		t.Fatal(err)
	}
	if err := store.PutMeta(t.Context(), "args", string(words)); err != nil {
		t.Fatal(err)
	}
	return env
}

func TestEval_Diff(t *testing.T) {
	t.Parallel()
	const tiltfile = `
config.define_string('who')
cfg = config.parse()
local('echo evaluated')
local_resource('greet', ['echo', cfg['who']])
local_resource('old', 'true')
k8s_yaml(blob('{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {password: hunter2}}'))
`
	vars, path, stateDir := checkout(t, tiltfile)
	env := evaluatedEnvironment(t, vars, stateDir, path, nil, "--who", "me")
	note := "Note: " + env.ID + " is paused; this compares with what it had last\n"
	same := runCLI(t, []string{"eval", "--diff"}, vars...)
	if same.Code != 0 || same.Stdout != "no changes\n" || !strings.HasPrefix(same.Stderr, note) || !strings.Contains(same.Stderr, "evaluated\n") {
		t.Errorf("nothing has changed: %+v", same)
	}
	if got := runCLI(t, []string{"eval", "--diff", "-o", "json"}, vars...); got.Code != 0 || compact(t, got.Stdout) != `{"environment":"`+env.ID+`","changes":[]}` {
		t.Errorf("nothing has changed, as JSON: %+v", got)
	}

	want := `~ greet (local): cmd
        cmd:
          argv:
          - echo
      -   - me
      +   - you
          dir: ` + filepath.Dir(path) + "\n\n" + env.ID + ": 0 to add, 1 to change, 0 to remove\n"
	got := runCLI(t, []string{"eval", "--diff", "--", "--who", "you"}, vars...)
	if diff := cmp.Diff(want, got.Stdout); diff != "" || got.Code != 0 {
		t.Errorf("other arguments: %d (-want +got):\n%s", got.Code, diff)
	}

	changed := strings.NewReplacer("'old', 'true'", "'new', 'true'", "hunter2", "hunter3").Replace(tiltfile)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	const all = `~ uncategorized (k8s): Secret s
    ~ Secret s
        ...
        metadata:
          name: s
        stringData:
      -   password: (secret)
      +   password: (changed)
+ new (local)
- old (local)
`
	elsewhere := append([]string{"PWD=/"}, vars[1:]...)
	for _, line := range [][]string{{"eval", "--diff", "--env", env.ID}, {"eval", "--diff", "-f", path}} {
		got := runCLI(t, line, elsewhere...)
		if got.Code != 0 || got.Stdout != all+"\n"+env.ID+": 1 to add, 1 to change, 1 to remove\n" {
			t.Errorf("%v: %d\n%s", line, got.Code, got.Stdout)
		}
	}
	machine := runCLI(t, []string{"eval", "--diff", "-o", "json"}, vars...)
	if !regexp.MustCompile(`"name":"Secret s","change":"changed","before":\{.*hunter2.*\},"after":\{.*hunter3.*\}`).MatchString(compact(t, machine.Stdout)) {
		t.Errorf("as JSON: %+v", machine)
	}
	if err := os.WriteFile(path, []byte("foo()\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runCLI(t, []string{"eval", "--diff"}, vars...); got.Code != 4 || got.Stdout != "" || !strings.Contains(got.Stderr, "Error: Tiltfile:1:1: ") {
		t.Errorf("a mistake: %+v", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	gone := "Error: the Tiltfile of " + env.ID + " is gone: there is no " + path + "\nHint: put it back, or end the environment: envflow down --env " + env.ID + "\n"
	for _, line := range [][]string{{"eval", "--diff"}, {"eval", "--env", env.ID}} {
		if got := runCLI(t, line, vars...); got.Code != 4 || !strings.HasSuffix(got.Stderr, gone) {
			t.Errorf("%v without a Tiltfile: %+v", line, got)
		}
	}
}

// What there is nothing to compare with is an error that says what to do.
func TestEval_DiffWithNothing(t *testing.T) {
	t.Parallel()
	vars, path, stateDir := checkout(t, "local('touch evaluated')\nlocal_resource('a', 'true')\n")
	refused := func(what, message, hint string) {
		t.Helper()
		if got := runCLI(t, []string{"eval", "--diff"}, vars...); got.Code != 1 || got.Stdout != "" || got.Stderr != "Error: "+message+"\nHint: "+hint+"\n" {
			t.Errorf("%s: %+v", what, got)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "evaluated")); err == nil {
			t.Errorf("%s: it has evaluated", what)
		}
	}
	refused("before the first up", "the environment of "+path+" has not been brought up yet", "run `envflow up`")
	env := pausedEnvironment(t, stateDir, path, "", &api.Status{}, nil)
	refused("without a plan", env.ID+" has not evaluated its Tiltfile yet: there is nothing to compare with", "`envflow status` says how it stands")
	evaluatedEnvironment(t, vars, stateDir, path, &api.Status{Error: "an error since it came up again"})
	if err := os.Remove(filepath.Join(filepath.Dir(path), "evaluated")); err != nil {
		t.Fatal(err)
	}
	refused("a plan of before", env.ID+" has not evaluated its Tiltfile yet: there is nothing to compare with", "`envflow status` says how it stands")
	pausedEnvironment(t, stateDir, path, "", &api.Status{State: api.EnvironmentDown}, nil)
	refused("down", env.ID+" is down: there is nothing to compare with", "run `envflow up`")
}

func TestEval_Timings(t *testing.T) {
	t.Parallel()
	vars, _, _ := checkout(t, "local('sleep 0.02')\nfor name in ['a', 'b']:\n  local_resource(name, 'true')\n")
	got := runCLI(t, []string{"eval", "--timings"}, vars...)
	want := regexp.MustCompile(`^ *TIME  CALLS  BUILTIN
 *\d+ms      1  local
 *<?\d+ms      2  local_resource
 *\d+ms         in total
$`)
	if got.Code != 0 || !want.MatchString(got.Stdout) {
		t.Errorf("%+v", got)
	}
	got = runCLI(t, []string{"eval", "--timings", "-o", "json"}, vars...)
	shape := regexp.MustCompile(`^\{"timings":\{"local":[0-9.]+,"local_resource":[0-9.e-]+,"total":[0-9.]+\},"calls":\{"local":1,"local_resource":2\}\}$`)
	if got.Code != 0 || !shape.MatchString(compact(t, got.Stdout)) {
		t.Errorf("as JSON: %+v", got)
	}
	both := outcome{2, "", "Error: --diff and --timings are different answers\nHint: give one of them; with -o json the plan has the timings too\n"}
	if diff := cmp.Diff(both, runCLI(t, []string{"eval", "--timings", "--diff"}, vars...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
