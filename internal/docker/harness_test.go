package docker_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/ignore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/testenv"
)

// testLabel is on each image of a test; its value is the test's own.
const testLabel = "envflow-test"

// engine is the testbed's engine in the hands of one test.
type engine struct {
	*docker.Client
	cluster *testenv.Cluster
	id      string // unique
	vars    map[string]string
}

func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	}
}

// connect returns the testbed's engine. What the test builds through it is removed when the test ends. vars is the environment,
// as NAME=value.
func connect(t *testing.T, vars ...string) *engine {
	t.Helper()
	e := &engine{cluster: testenv.Testbed(t), id: strings.ToLower(rand.Text()), vars: map[string]string{"HOME": t.TempDir()}}
	if e.cluster.DockerHost == "" {
		t.Skip("this cluster names no docker engine")
	}
	for _, variable := range vars {
		name, value, _ := strings.Cut(variable, "=")
		e.vars[name] = value
	}
	client, err := docker.Connect(t.Context(), docker.Options{Host: e.cluster.DockerHost, LookupEnv: environment(e.vars)})
	if err != nil {
		t.Fatal(err)
	}
	e.Client = client
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		e.removeImages(t, ctx)
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

type listedImage struct {
	ID       string
	RepoTags []string
}

// removeImages removes the images of this test. One that others are built on can be removed after these only, and the engine's list
// is in the order of their seconds: so it goes on as long as any could be removed.
func (e *engine) removeImages(t *testing.T, ctx context.Context) { //nolint:revive // t first, as everywhere in tests
	t.Helper()
	for left := -1; ; {
		images := e.images(t, ctx)
		if len(images) == 0 {
			return
		}
		var failed error
		for _, image := range images {
			for _, tag := range image.RepoTags {
				if tag != "<none>:<none>" {
					failed = errors.Join(failed, e.RemoveImage(ctx, tag))
				}
			}
			failed = errors.Join(failed, e.RemoveImage(ctx, image.ID))
		}
		if failed == nil {
			return
		}
		if len(images) == left {
			t.Error(failed)
			return
		}
		left = len(images)
	}
}

// images asks the engine, past the code under test, for the images of this test.
func (e *engine) images(t *testing.T, ctx context.Context) []listedImage { //nolint:revive // t first, as everywhere in tests
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(e.cluster.DockerHost, "unix://"))
	}}
	defer transport.CloseIdleConnections()
	address := "http://engine/images/json?filters=" + url.QueryEscape(`{"label":["`+testLabel+"="+e.id+`"]}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var images []listedImage
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &images); err != nil {
		t.Fatalf("%v: %s", err, content)
	}
	return images
}

// lines collects output.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) has(line string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.all, line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

// build builds an image and returns its ID, the output and the error.
func (e *engine) build(ctx context.Context, image *plan.Image, change ...func(*docker.BuildRequest)) (string, *lines, error) {
	out := &lines{}
	if image.Ref == "" {
		image.Ref = "test-" + e.id
	}
	request := docker.BuildRequest{Image: image, Labels: map[string]string{testLabel: e.id}, Output: out.add, LookupEnv: environment(e.vars)}
	for _, f := range change {
		f(&request)
	}
	result, err := e.Build(ctx, request)
	return result.ImageID, out, err
}

func (e *engine) mustBuild(t *testing.T, image *plan.Image, change ...func(*docker.BuildRequest)) (string, *lines) {
	t.Helper()
	id, out, err := e.build(t.Context(), image, change...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.HasPrefix(id, "sha256:") || len(id) != len("sha256:")+64 {
		t.Fatalf("the image's ID is %q", id)
	}
	return id, out
}

// wantUser checks that err is a failure.User with this Summary, and that its text has all the parts.
func wantUser(t *testing.T, err error, summary string, parts ...string) {
	t.Helper()
	var f *failure.Error
	if !errors.As(err, &f) {
		t.Fatalf("error %v, want a classified one", err)
	}
	if f.Class != failure.User || f.Summary != summary {
		t.Errorf("%s %q, want %s %q", f.Class, f.Summary, failure.User, summary)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q:\n%v", part, err)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func filter(t *testing.T, base string, patterns ...string) *ignore.Filter {
	t.Helper()
	f, err := ignore.New(plan.Ignore{Base: base, Patterns: patterns, Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// proxy passes connections on to a unix socket until cut is called; from then on it accepts none and has dropped all. It is
// cut when the test ends.
func proxy(t *testing.T, socket string) (address string, cut func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu    sync.Mutex
		conns []net.Conn
		gone  bool
		work  sync.WaitGroup
	)
	keep := func(c net.Conn) bool {
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, c)
		return !gone
	}
	work.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			engine, err := net.Dial("unix", socket)
			if err != nil {
				t.Error(err)
				client.Close()
				return
			}
			if !keep(client) || !keep(engine) {
				client.Close()
				engine.Close()
				return
			}
			for _, pair := range [][2]net.Conn{{client, engine}, {engine, client}} {
				work.Go(func() {
					_, _ = io.Copy(pair[0], pair[1])
					pair[0].Close()
				})
			}
		}
	})
	cut = sync.OnceFunc(func() {
		listener.Close()
		mu.Lock()
		gone = true
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		work.Wait()
	})
	t.Cleanup(cut)
	return listener.Addr().String(), cut
}
