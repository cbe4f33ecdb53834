package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/testenv"
	"github.com/envflow/envflow/internal/testenv/devserver"
)

// How a test goes: newUser(t, n) writes a project of n services; u.up() brings it up; u.served(i, text), u.edit(i, text),
// u.status() and u.pods(i) look and change; u.ok and u.run run any command, u.start one in the foreground. Conditions are
// waited for with u.eventually. Everything is torn down when the test ends, and told if it failed.

// patience is how long a test waits for what takes a moment. It is far more than anything takes on an idle machine.
const patience = 60 * time.Second

// user is somebody with a project, a kubeconfig and a state folder.
type user struct {
	t       *testing.T
	binary  string
	env     map[string]string // the whole environment of commands
	state   string            // ENVFLOW_STATE_DIR
	alone   bool              // the state folder, and so the server, is the test's own
	dir     string            // of the project
	bed     *testenv.Cluster
	kube    kubernetes.Interface // straight to the cluster, whatever the kubeconfig says
	ns      string               // namespace of the kubeconfig's context
	prefix  string               // of the names of images
	server  *server.Handle
	service []service
}

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// newUser returns a user with a project of n services, see project_test.go, on the server that all tests share. It makes the
// test parallel.
func newUser(t *testing.T, n int) *user {
	t.Helper()
	t.Parallel()
	bed := testenv.Testbed(t)
	_, h := devserver.Shared(t)
	u := newUserIn(t, bed, filepath.Dir(filepath.Dir(h.Files().Log)))
	u.server = h
	if value, ok := os.LookupEnv("XDG_RUNTIME_DIR"); ok {
		u.env["XDG_RUNTIME_DIR"] = value
	}
	u.generate(n)
	return u
}

// newUserAlone is newUser for a test that harms its server or looks at its state folder.
func newUserAlone(t *testing.T, n int) *user {
	t.Helper()
	u := newUserWithoutProject(t)
	u.generate(n)
	return u
}

// newUserWithoutProject is newUserAlone without a Tiltfile.
func newUserWithoutProject(t *testing.T) *user {
	t.Helper()
	t.Parallel()
	return newUserOn(t, testenv.Testbed(t))
}

// newUserOn is newUserWithoutProject for a test that has the testbed already, and is not made parallel.
func newUserOn(t *testing.T, bed *testenv.Cluster) *user {
	t.Helper()
	state := t.TempDir()
	h := devserver.In(t, state) // stops it, the last of all
	u := newUserIn(t, bed, state)
	u.server, u.alone = h, true
	u.env["XDG_RUNTIME_DIR"] = t.TempDir()
	return u
}

func newUserIn(t *testing.T, bed *testenv.Cluster, state string) *user {
	t.Helper()
	binary := devserver.Binary(t)
	name := "e2e-" + strings.ToLower(rand.Text()[:8])
	u := &user{t: t, binary: binary, state: state, dir: filepath.Join(t.TempDir(), name), bed: bed, ns: name, prefix: name}
	if err := os.Mkdir(u.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	u.env = map[string]string{
		"ENVFLOW_STATE_DIR": u.state, "HOME": home, "PATH": os.Getenv("PATH"),
		"KUBECONFIG": filepath.Join(t.TempDir(), "kubeconfig"), "DOCKER_HOST": bed.DockerHost,
		"TMPDIR": t.TempDir(),
	}
	u.connect()
	t.Cleanup(u.removeImages)
	t.Cleanup(func() {
		if !t.Failed() {
			u.nothingRuns()
		} else {
			u.killAll()
		}
	})
	t.Cleanup(u.tearDown)
	return u
}

// connect makes the kubeconfig, whose contexts have a namespace of the test's own, and the namespace.
func (u *user) connect() {
	u.t.Helper()
	config, err := clientcmd.LoadFromFile(u.bed.Kubeconfig)
	if err != nil {
		u.t.Fatal(err)
	}
	config.CurrentContext = u.bed.Context
	for _, c := range config.Contexts {
		c.Namespace = u.ns
	}
	if err := clientcmd.WriteToFile(*config, u.env["KUBECONFIG"]); err != nil {
		u.t.Fatal(err)
	}
	rest, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		u.t.Fatal(err)
	}
	rest.QPS = -1
	if u.kube, err = kubernetes.NewForConfig(rest); err != nil {
		u.t.Fatal(err)
	}
	u.namespace(u.ns)
}

// namespace makes a namespace that goes with the test.
func (u *user) namespace(name string) {
	u.t.Helper()
	all := u.kube.CoreV1().Namespaces()
	if _, err := all.Create(u.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() {
		err := all.Delete(context.WithoutCancel(u.t.Context()), name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			u.t.Errorf("delete the namespace %s: %v", name, err)
		}
	})
}

// another returns a second user who shares the cluster's namespace and the state folder, hence the server, with this one:
// the same person in another checkout, with its own ports.
func (u *user) another(folder string) *user {
	u.t.Helper()
	other := *u
	other.dir = filepath.Join(u.t.TempDir(), folder)
	other.service = nil
	if err := os.Mkdir(other.dir, 0o700); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(other.tearDown)
	return &other
}

// command prepares a command line of envflow in the project's folder.
func (u *user) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, u.binary, args...)
	cmd.Dir = u.dir
	for name, value := range u.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// run runs a command line of envflow to its end.
func (u *user) run(args ...string) outcome {
	u.t.Helper()
	return u.runIn(u.t.Context(), args...)
}

func (u *user) runIn(ctx context.Context, args ...string) outcome {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	cmd := u.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begun := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Errorf("envflow %v: %v", args, err)
	}
	code := -1
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	took := time.Since(begun)
	if args[0] != "status" { // it is asked over and over
		u.t.Logf("envflow %v: exit code %d in %s", args, code, took.Round(time.Millisecond))
	}
	return outcome{code, stdout.String(), stderr.String(), took}
}

// ok is run for a command that must succeed; it returns what it printed.
func (u *user) ok(args ...string) string {
	u.t.Helper()
	got := u.run(args...)
	if got.code != 0 {
		u.t.Fatalf("envflow %v: exit code %d\n%s%s", args, got.code, got.stdout, got.stderr)
	}
	return got.stdout
}

// fails is run for a command that must end with the exit code and say all of the texts on stderr.
func (u *user) fails(code int, texts []string, args ...string) {
	u.t.Helper()
	got := u.run(args...)
	if got.code != code {
		u.t.Fatalf("envflow %v: exit code %d, want %d\n%s%s", args, got.code, code, got.stdout, got.stderr)
	}
	u.contains("stderr of envflow "+strings.Join(args, " "), got.stderr, texts...)
}

// contains checks that text has all of the parts.
func (u *user) contains(what, text string, parts ...string) {
	u.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			u.t.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

// up brings the project up in the background and waits until it is ready.
func (u *user) up(args ...string) {
	u.t.Helper()
	u.ok(append([]string{"up", "-d"}, args...)...)
	u.wait()
}

// wait waits until everything is ready, as people do.
func (u *user) wait(args ...string) {
	u.t.Helper()
	u.ok(append([]string{"wait", "--timeout", patience.String()}, args...)...)
}

func (u *user) eventually(what string, condition func() error) {
	u.t.Helper()
	testenv.Eventually(u.t, patience, what, condition)
}

// process is a command in the foreground.
type process struct {
	*exec.Cmd
	u              *user
	stdout, stderr buffer
	ended          chan struct{}
}

// start starts a command in the foreground, with pipes for its output. Its standard input is at its end.
func (u *user) start(args ...string) *process {
	u.t.Helper()
	// Not of the test's context: the test decides how it ends.
	p := &process{Cmd: u.command(context.WithoutCancel(u.t.Context()), args...), u: u, ended: make(chan struct{})}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		u.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.Wait() // ends by signals; looked at in exit
	}()
	u.t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
		if u.t.Failed() {
			u.t.Logf("envflow %v, exit code %d:\n%s%s", args, p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

func (p *process) signal(s os.Signal) {
	p.u.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.u.t.Fatalf("%s: %v", s, err)
	}
}

// exit waits for the process to end and checks its exit code.
func (p *process) exit(code int, within time.Duration) {
	p.u.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		p.u.t.Fatalf("envflow %v is still there after %s", p.Args[1:], within)
	}
	if got := p.ProcessState.ExitCode(); got != code {
		p.u.t.Fatalf("envflow %v: exit code %d, want %d", p.Args[1:], got, code)
	}
}

// prints waits until the process has printed all of the texts, on either stream.
func (p *process) prints(texts ...string) {
	p.u.t.Helper()
	p.u.eventually(fmt.Sprintf("output of envflow %v", p.Args[1:]), func() error {
		out := p.stdout.String() + p.stderr.String()
		for _, text := range texts {
			if !strings.Contains(out, text) {
				return fmt.Errorf("it lacks %q", text)
			}
		}
		return nil
	})
}

// buffer is a bytes.Buffer that can be read while it is written.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// status is the answer of `envflow status -o json`.
type status struct {
	Environment string            `json:"environment"`
	State       string            `json:"state"`
	Worker      struct{ PID int } `json:"worker"`
	Server      struct{ PID int } `json:"server"`
	Resources   []resource        `json:"resources"`
	Error       string            `json:"error"`
}

type resource struct {
	Name       string   `json:"name"`
	Update     string   `json:"update"`
	Runtime    string   `json:"runtime"`
	Ready      bool     `json:"ready"`
	Endpoints  []string `json:"endpoints"`
	LastUpdate *struct {
		Started time.Time `json:"started"`
		Seconds float64   `json:"seconds"`
		Kind    string    `json:"kind"`
	} `json:"last_update"`
	Reason string `json:"reason"`
}

func (u *user) status() status {
	u.t.Helper()
	var s status
	if err := json.Unmarshal([]byte(u.ok("status", "-o", "json")), &s); err != nil {
		u.t.Fatal(err)
	}
	return s
}

// resource returns the status of one resource, empty if there is none of the name.
func (s status) resource(name string) resource {
	for _, r := range s.Resources {
		if r.Name == name {
			return r
		}
	}
	return resource{}
}

// resourceIs waits until the condition holds for a resource.
func (u *user) resourceIs(name, what string, condition func(resource) bool) {
	u.t.Helper()
	u.eventually(name+" is "+what, func() error {
		if r := u.status().resource(name); !condition(r) {
			return fmt.Errorf("it is %+v", r)
		}
		return nil
	})
}

// failed waits until the update of a resource has failed with a reason that has all of the texts.
func (u *user) failed(name string, texts ...string) {
	u.t.Helper()
	u.resourceIs(name, fmt.Sprintf("in error with %q", texts), func(r resource) bool {
		for _, text := range texts {
			if !strings.Contains(r.Reason, text) {
				return false
			}
		}
		return (r.Update == "error" || r.Runtime == "error") && !r.Ready
	})
}

// id returns the environment's ID.
func (u *user) id() string {
	u.t.Helper()
	return u.status().Environment
}

// folder is the environment's state folder.
func (u *user) folder() string {
	u.t.Helper()
	return filepath.Join(u.state, u.id())
}

// workerPID is 0 without one.
func (u *user) workerPID() int { u.t.Helper(); return u.status().Worker.PID }

// serverPID is 0 without one.
func (u *user) serverPID() int { u.t.Helper(); return u.status().Server.PID }

// environments returns the IDs of all environments of the user's project.
func (u *user) environments() []string {
	records, _ := filepath.Glob(filepath.Join(u.state, "*", "environment.json")) // the pattern is fine
	ids := make([]string, 0, len(records))
	for _, path := range records {
		var record struct{ Path string }
		if err := state.ReadJSON(path, &record); err == nil && filepath.Dir(record.Path) == u.dir {
			ids = append(ids, filepath.Base(filepath.Dir(path)))
		}
	}
	return ids
}

// tearDown ends the user's environments, and tells how things stand if the test failed.
func (u *user) tearDown() {
	ctx := context.WithoutCancel(u.t.Context())
	known := u.environments()
	if len(known) > 0 && u.t.Failed() {
		u.tell(ctx)
	}
	for _, env := range known {
		if got := u.runIn(ctx, "down", "--env", env); got.code != 0 {
			u.t.Errorf("down --env %s at the end: exit code %d\n%s%s", env, got.code, got.stdout, got.stderr)
		}
	}
}

// tell prints what helps to understand a failure. The server's log is told by package devserver.
func (u *user) tell(ctx context.Context) {
	for _, args := range [][]string{{"ls"}, {"status", "-o", "json"}, {"logs", "--tail", "60"}} {
		got := u.runIn(ctx, args...)
		u.t.Logf("envflow %v: exit code %d\n%s%s", args, got.code, got.stdout, got.stderr)
	}
	for _, id := range u.environments() {
		path := filepath.Join(u.state, id, "worker.log")
		if text, err := os.ReadFile(path); err == nil {
			u.t.Logf("%s ends with:\n%s", path, text[max(0, len(text)-8000):])
		}
	}
}
