package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/logstore"
)

// checkout makes a folder with a Tiltfile, and says where both are as variables.
func checkout(t *testing.T, tiltfile string) (env []string, path, stateDir string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "shop")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path, stateDir = filepath.Join(dir, "Tiltfile"), filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, []byte(tiltfile), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"PWD=" + dir, "ENVFLOW_STATE_DIR=" + stateDir, "HOME=" + t.TempDir()}, path, stateDir
}

// Scripts read these fields: their names and order stay.
func TestStatus_AsJSON(t *testing.T) {
	t.Parallel()
	status := running(
		changed(readyResource("web"), func(r *api.ResourceStatus) {
			r.Endpoints, r.Last.Started = []string{"http://localhost:8080/?a=1&b=2"}, time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
		}),
		failedResource("db", "short"),
		manualResource("new"),
	)
	status.Resources[1].Last = nil
	g := glance{
		Status: status, Live: true, Held: true, Holder: api.Worker{PID: 7, Host: "h", Version: "v1", Started: time.Date(2026, 3, 4, 11, 0, 0, 0, time.UTC)},
		Server: serverPart{"127.0.0.1:7233", "http://127.0.0.1:8233", 8}, Errors: map[string]string{"db": "long\nstory"},
	}
	want := `{"environment":"shop-01234567","state":"running",` +
		`"worker":{"pid":7,"version":"v1","started":"2026-03-04T11:00:00Z"},` +
		`"server":{"address":"127.0.0.1:7233","ui":"http://127.0.0.1:8233","pid":8},"resources":[` +
		`{"name":"web","type":"k8s","update":"ok","runtime":"ok","ready":true,"endpoints":["http://localhost:8080/?a=1&b=2"],` +
		`"last_update":{"started":"2026-03-04T12:00:00Z","seconds":1.24,"kind":"build"},"reason":""},` +
		`{"name":"db","type":"k8s","update":"error","runtime":"ok","ready":false,"endpoints":[],"last_update":null,"reason":"long\nstory"},` +
		`{"name":"new","type":"k8s","update":"none","runtime":"none","ready":false,"endpoints":[],"last_update":null,"reason":""}]}` + "\n"
	got, err := jsonLine(documentOf("shop-01234567", g))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStatus_OfAPausedEnvironment(t *testing.T) {
	t.Parallel()
	vars, path, stateDir := checkout(t, "")
	if got := runCLI(t, []string{"status"}, vars...); got.Code != 1 || !strings.Contains(got.Stderr, "has not been brought up yet\nHint: run `envflow up`") {
		t.Errorf("before the first up: %+v", got)
	}
	status := running(readyResource("web"), failedResource("db", "short"))
	env := pausedEnvironment(t, stateDir, path, "", &status, map[string]string{"db": "long"})
	got := runCLI(t, []string{"status", "-o", "json"}, vars...)
	var d statusDocument
	if err := json.Unmarshal([]byte(got.Stdout), &d); err != nil || got.Code != 0 || got.Stderr != "" {
		t.Fatalf("%v: %+v", err, got)
	}
	if d.Environment != env.ID || d.State != api.EnvironmentPaused || d.Worker != (workerPart{}) || d.Server != (serverPart{}) || len(d.Resources) != 2 {
		t.Errorf("%+v", d)
	}
	for _, r := range d.Resources {
		if r.Ready || !strings.HasPrefix(r.Reason, "paused, no worker since ") {
			t.Errorf("%+v", r)
		}
	}
	text := regexp.MustCompile(`(?s)^` + env.ID + `  paused since \d\d:\d\d\nRESOURCE  UPDATE  RUNTIME  ELAPSED  STATE\nweb .*paused, no worker since \d\d:\d\d\n.*2 resources\n$`)
	if got := runCLI(t, []string{"status"}, vars...); got.Code != 0 || !text.MatchString(got.Stdout) {
		t.Errorf("as text: %+v", got)
	}
	list := `[{"id":"` + env.ID + `","project":"shop","path":"` + path + `","state":"paused","worker":{"pid":0,"version":"","started":""},"dashboard":""}]`
	if got := runCLI(t, []string{"ls", "-o", "json"}, vars...); got.Code != 0 || compact(t, got.Stdout) != list {
		t.Errorf("ls: %+v, want %s", got, list)
	}
	for _, command := range []string{"wait", "wait --for updated web"} {
		if got := runCLI(t, strings.Fields(command), vars...); got.Code != 1 || !strings.HasPrefix(got.Stderr, "Error: "+env.ID+" is paused: it has no worker\n") {
			t.Errorf("%s: %+v", command, got)
		}
	}
	if got := runCLI(t, []string{"pause"}, vars...); got.Code != 0 || got.Stdout != env.ID+" has no worker already.\n" {
		t.Errorf("pause: %+v", got)
	}
}

func TestDown_OfWhatIsDown(t *testing.T) {
	t.Parallel()
	vars, path, stateDir := checkout(t, "")
	env := pausedEnvironment(t, stateDir, path, "", &api.Status{State: api.EnvironmentDown}, nil)
	if got := runCLI(t, []string{"down"}, vars...); got.Code != 0 || got.Stdout != env.ID+" is down already.\n" {
		t.Errorf("%+v", got)
	}
	if got := runCLI(t, []string{"ls"}, vars...); !strings.Contains(got.Stdout, env.ID+"  down ") {
		t.Errorf("ls: %+v", got)
	}
}

// TestFindEnvironment has the ways to name one, and what is wrong with others.
func TestFindEnvironment(t *testing.T) {
	t.Parallel()
	vars, path, stateDir := checkout(t, "")
	plain := pausedEnvironment(t, stateDir, path, "", nil, nil)
	elsewhere := append([]string{"PWD=/"}, vars[1:]...)
	other := filepath.Join(filepath.Dir(path), "other.tiltfile")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	named := pausedEnvironment(t, stateDir, other, "blue", nil, nil)
	is := func(env environment.Environment) string { return env.ID + " has no worker already.\n" }
	for _, test := range []struct {
		line string
		env  []string
		want outcome
	}{
		{"pause", vars, outcome{0, is(plain), ""}},
		{"pause --env " + plain.ID, elsewhere, outcome{0, is(plain), ""}},
		{"pause -f " + path, elsewhere, outcome{0, is(plain), ""}},
		{"pause --file " + filepath.Dir(path), elsewhere, outcome{0, is(plain), ""}},
		{"pause -f other.tiltfile", vars, outcome{0, is(named), ""}},
		{"pause -f other.tiltfile --env " + plain.ID, vars, outcome{2, "", "Error: --env and --file both name an environment\nHint: give one of them\n"}},
		{"pause --env " + plain.ID[:len(plain.ID)-1], vars, outcome{2, "", "Error: there is no environment \"" + plain.ID[:len(plain.ID)-1] + "\"\nHint: did you mean " + plain.ID + "?\n"}},
		{"pause --env nothing", vars, outcome{2, "", "Error: there is no environment \"nothing\"\nHint: run `envflow ls` to see those that are known\n"}},
		{"pause", elsewhere, outcome{4, "", "Error: there is no Tiltfile in /\nHint: go to a folder that has one, or name it: --file PATH\n"}},
		{"up -f none", vars, outcome{4, "", "Error: there is no Tiltfile at " + filepath.Join(filepath.Dir(path), "none") + "\nHint: check the path after --file\n"}},
		{"up --name x --env y", vars, outcome{2, "", "Error: --env and --name both name an environment\nHint: give one of them\n"}},
		{"up -d", elsewhere, outcome{4, "", "Error: there is no Tiltfile in /\nHint: go to a folder that has one, or name it: --file PATH\n"}},
		{"eval", elsewhere, outcome{4, "", "Error: there is no Tiltfile in /\nHint: go to a folder that has one, or name it: --file PATH\n"}},
		{"wait --timeout=-1s", vars, outcome{2, "", "Error: --timeout is -1s, which is less than nothing\n"}},
		{"wait --for eady", vars, outcome{2, "", "Error: --for must be ready or updated, not \"eady\"\nHint: did you mean ready?\n"}},
		{"logs --since=-1s", vars, outcome{2, "", "Error: --since is -1s, which is less than nothing\n"}},
		{"trigger", vars, outcome{2, "", "Error: \"envflow trigger\" needs RESOURCE\nHint: usage: `envflow trigger RESOURCE... [FLAGS]`\n"}},
		{"down web", vars, outcome{2, "", "Error: \"envflow down\" takes no arguments, but there is \"web\"\nHint: run `envflow help down`\n"}},
		{"eval -o text", vars, outcome{2, "", "Error: -o must be json or yaml, not \"text\"\n"}},
	} {
		if diff := cmp.Diff(test.want, runCLI(t, strings.Fields(test.line), test.env...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.line, diff)
		}
	}
	// After the checkout is gone its environment can still be named.
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if got := runCLI(t, []string{"pause"}, vars...); got.Code != 0 {
		t.Errorf("without its Tiltfile: %+v", got)
	}
}

// With several environments of one Tiltfile, it has to be said which.
func TestFindEnvironment_Named(t *testing.T) {
	t.Parallel()
	vars, path, stateDir := checkout(t, "")
	green := pausedEnvironment(t, stateDir, path, "green", nil, nil)
	if got := runCLI(t, []string{"pause"}, vars...); got.Code != 0 || !strings.HasPrefix(got.Stdout, green.ID) {
		t.Errorf("the only one: %+v", got)
	}
	blue := pausedEnvironment(t, stateDir, path, "blue", nil, nil)
	want := outcome{2, "", "Error: " + path + " has several environments: " + blue.ID + " and " + green.ID + "\nHint: add --env ID\n"}
	if diff := cmp.Diff(want, runCLI(t, []string{"pause"}, vars...)); diff != "" {
		t.Errorf("several (-want +got):\n%s", diff)
	}
	plain := pausedEnvironment(t, stateDir, path, "", nil, nil)
	if got := runCLI(t, []string{"pause"}, vars...); got.Code != 0 || !strings.HasPrefix(got.Stdout, plain.ID) {
		t.Errorf("the one without a name: %+v", got)
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	vars, path, stateDir := checkout(t, "")
	status := running(readyResource("web"))
	env := pausedEnvironment(t, stateDir, path, "", &status, nil)
	log, err := logstore.Open(env.Logs())
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	log.Append(logstore.Line{Time: old, Resource: "web", Source: logstore.SourceBuild, Text: "[1/2] FROM busybox"})
	log.Append(logstore.Line{Time: old, Source: logstore.SourceEngine, Text: "hello"})
	log.Append(logstore.Line{Resource: "gone", Source: logstore.SourceRuntime, Pod: "gone-1", Container: "c", Text: "\x1b[31mone\x1b[0m\ntwo & more"})
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	const first, second, third = "         web │ [1/2] FROM busybox\n", "     envflow │ hello\n", "        gone │ one\n        gone │ two & more\n"
	for _, test := range []struct {
		line string
		want outcome
	}{
		{"logs", outcome{0, first + second + third, ""}},
		{"logs web", outcome{0, first, ""}},
		{"logs gone web", outcome{0, first + third, ""}},
		{"logs --tail 1", outcome{0, third, ""}},
		{"logs --tail 0", outcome{}},
		{"logs --since 10m", outcome{0, third, ""}},
		{"logs wbe", outcome{2, "", "Error: there is no resource \"wbe\"\nHint: did you mean web?\n"}},
	} {
		if diff := cmp.Diff(test.want, runCLI(t, strings.Fields(test.line), vars...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.line, diff)
		}
	}
	pattern := regexp.MustCompile(`^\{"time":"[^"]+","resource":"gone","source":"runtime","pod":"gone-1","container":"c","level":"","text":"\\u001b\[31mone\\u001b\[0m\\ntwo & more"\}\n$`)
	if got := runCLI(t, []string{"logs", "--json", "gone"}, vars...); got.Code != 0 || !pattern.MatchString(got.Stdout) {
		t.Errorf("as JSON: %+v", got)
	}
}

func TestEval(t *testing.T) {
	t.Parallel()
	vars, _, stateDir := checkout(t, `
k8s_yaml(blob('''
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: c, image: busybox}]}
'''))
print('to stderr')
`)
	got := runCLI(t, []string{"eval"}, vars...)
	shape := regexp.MustCompile(`^\{"resources":\[\{"name":"web",.*\],"images":\[\],"settings":\{.*\},"warnings":\[\],"timings":\{.*"total":[0-9.e-]+.*\}\}$`)
	if got.Code != 0 || !shape.MatchString(compact(t, got.Stdout)) || !strings.Contains(got.Stderr, "to stderr") {
		t.Errorf("%+v", got)
	}
	if got := runCLI(t, []string{"eval", "-o", "yaml"}, vars...); got.Code != 0 || !strings.Contains(got.Stdout, "\nresources:\n") {
		t.Errorf("as YAML: %+v", got)
	}
	if _, err := os.Stat(stateDir); err == nil {
		t.Error("it keeps state")
	}
	vars, _, _ = checkout(t, "x = 1\nfoo()\n")
	if got := runCLI(t, []string{"eval"}, vars...); got.Code != 4 || got.Stdout != "" || !strings.HasPrefix(got.Stderr, "Error: Tiltfile:2:1: ") {
		t.Errorf("a mistake: %+v", got)
	}
}

// TestUp_NothingConfigured needs neither cluster nor engine, which is the point.
func TestUp_NothingConfigured(t *testing.T) {
	t.Parallel()
	vars, _, stateDir := checkout(t, "k8s_yaml(blob('{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}'))\n")
	got := runCLI(t, []string{"up"}, append(vars, "KUBECONFIG="+filepath.Join(stateDir, "none"))...)
	if got.Code != 3 || got.Stdout != "" || !strings.Contains(got.Stderr, "no Kubernetes cluster is configured") || !strings.Contains(got.Stderr, "Hint: start one") {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(stateDir); err == nil {
		t.Error("it keeps state")
	}
}

func TestUp_UnknownContext(t *testing.T) {
	t.Parallel()
	vars, _, _ := checkout(t, "")
	config := filepath.Join(t.TempDir(), "config")
	content := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n" +
		"contexts: [{name: kind-a, context: {cluster: c, user: u}}]\ncurrent-context: kind-a\n"
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got := runCLI(t, []string{"up", "--context", "kind-b"}, append(vars, "KUBECONFIG="+config)...)
	if got.Code != 4 || !strings.Contains(got.Stderr, `no context "kind-b"`) || !strings.Contains(got.Stderr, "kind-a") {
		t.Errorf("%+v", got)
	}
}

func TestHostedArgs(t *testing.T) {
	t.Parallel()
	e, _, _ := testEnviron([]string{
		"-v", "--temporal-api-key", "hunter2", "--temporal-address=a:1", "up", "web", "-df", "x", "--name=n", "--context", "c", "--adopt", "db", "--", "--profile", "-d",
	})
	line, err := parseLine(e, newApp(e, commands(e)))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"up", "--hosted", "--env=shop-01234567", "--verbose=true", "--temporal-address=a:1", "--adopt=true", "web", "db", "--", "--profile", "-d",
	}
	if diff := cmp.Diff(want, hostedArgs(line, "shop-01234567")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, word := range want {
		if strings.Contains(word, "hunter2") {
			t.Error("the key is on the command line")
		}
	}
}

func TestComplete_Resources(t *testing.T) {
	t.Parallel()
	vars, path, stateDir := checkout(t, "")
	status := running(readyResource("web"), readyResource("worker"))
	pausedEnvironment(t, stateDir, path, "", &status, nil)
	for line, want := range map[string]string{"logs w": "web\nworker\n", "wait web ": "worker\n", "trigger x": ""} {
		if got := runCLI(t, append([]string{"__complete", "--"}, strings.Split(line, " ")...), vars...); got.Stdout != want {
			t.Errorf("%q: %+v", line, got)
		}
	}
}
