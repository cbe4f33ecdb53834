package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/testenv/testbedlock"
)

// Environment variables by which a machine that cannot run the testbed offers a cluster of its own.
const (
	contextVariable  = "ENVFLOW_TEST_CONTEXT"
	registryVariable = "ENVFLOW_TEST_REGISTRY"
)

// cannotRunLine ends the output when the testbed says by its exit status that this machine cannot run it.
const cannotRunLine = "exit status 3"

// lockLimit is how long a test waits for others that use the testbed, when the test run has no earlier end.
const lockLimit = 15 * time.Minute

// Cluster says how to reach the cluster and registry that end-to-end tests use.
type Cluster struct {
	Kubeconfig  string // path of the kubeconfig
	Context     string // its context by the name of a development cluster
	ProdContext string // a context of the same cluster by another name; "" outside the testbed
	Registry    string // host and port of a registry that the node pulls from; "" if none is known
	DockerHost  string // address of a Docker engine with the base images; "" outside the testbed
}

// ExclusiveCluster is the testbed in the hands of a single test.
type ExclusiveCluster struct {
	Cluster
	tb testing.TB
}

// Testbed returns the testbed, healthy, and shares it with other tests until this one ends. It starts or repairs the
// testbed if need be. Under -short, and on a machine that can run no testbed and offers no cluster by
// ENVFLOW_TEST_CONTEXT, it skips the test and says why.
//
// A parallel test calls t.Parallel first: one that waits for its turn with the testbed in hand keeps fault tests out.
// Subtests of a test that has the testbed may call Testbed too; they get it at once.
func Testbed(tb testing.TB) *Cluster {
	tb.Helper()
	skipShort(tb)
	if c, ok := offeredCluster(tb); ok {
		return c
	}
	if c := exclusive.of(tb.Name()); c != nil {
		return c
	}
	c := healthyTestbed(tb)
	shared.hold(tb)
	return c
}

// TestbedExclusive returns the testbed, healthy, and keeps all other tests of the machine from it until this one ends.
// It is for tests that stop, break or fill one of its daemons. When the test ends the testbed is repaired and waited for
// before others get it. The test must not have called Testbed.
func TestbedExclusive(tb testing.TB) *ExclusiveCluster {
	tb.Helper()
	skipShort(tb)
	if _, ok := offeredCluster(tb); ok {
		tb.Skipf("fault tests need the testbed and do not touch the cluster of %s; they did not run", contextVariable)
	}
	c := healthyTestbed(tb)
	lock := acquire(tb, testbedlock.Exclusive)
	exclusive.add(tb.Name(), c)
	tb.Cleanup(func() {
		if out, err := runTestbed(tb, "up"); err != nil {
			tb.Errorf("repair the testbed after the test: %v\n%s", err, out)
		}
		exclusive.remove(tb.Name())
		if err := lock.Release(); err != nil {
			tb.Error(err)
		}
	})
	return &ExclusiveCluster{Cluster: *c, tb: tb}
}

// Kill ends a daemon of the testbed with SIGKILL. The names are those of `go run ./dev/testbed help`.
func (c *ExclusiveCluster) Kill(name string) { c.tb.Helper(); c.run("kill", name) }

// Stop ends a daemon of the testbed in its own time.
func (c *ExclusiveCluster) Stop(name string) { c.tb.Helper(); c.run("stop", name) }

// Start starts a daemon of the testbed and returns when it answers.
func (c *ExclusiveCluster) Start(name string) { c.tb.Helper(); c.run("start", name) }

// Restart stops and starts a daemon of the testbed and returns when it answers.
func (c *ExclusiveCluster) Restart(name string) { c.tb.Helper(); c.run("restart", name) }

// Repair makes the whole testbed healthy.
func (c *ExclusiveCluster) Repair() { c.tb.Helper(); c.run("up") }

func (c *ExclusiveCluster) run(args ...string) {
	c.tb.Helper()
	if out, err := runTestbed(c.tb, args...); err != nil {
		c.tb.Fatalf("testbed %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func skipShort(tb testing.TB) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("end-to-end tests need the testbed and do not run under -short")
	}
}

// offeredCluster returns the cluster that the environment names, or skips the test where neither that nor the testbed
// can be had.
func offeredCluster(tb testing.TB) (*Cluster, bool) {
	tb.Helper()
	name := os.Getenv(contextVariable)
	if name == "" {
		if runtime.GOOS != "linux" || os.Getuid() != 0 {
			tb.Skipf("the testbed needs Linux and root, and %s names no other cluster: this end-to-end test did not run", contextVariable)
		}
		return nil, false
	}
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			tb.Fatalf("find the kubeconfig of %s: %v", contextVariable, err)
		}
		kubeconfig = filepath.Join(home, ".kube", "config")
	}
	return &Cluster{Kubeconfig: kubeconfig, Context: name, Registry: os.Getenv(registryVariable)}, true
}

// up is the outcome of making the testbed healthy, which a test process does once: whoever breaks it afterwards holds it
// alone and repairs it.
var up struct {
	once sync.Once
	out  []byte
	err  error
}

func healthyTestbed(tb testing.TB) *Cluster {
	tb.Helper()
	root := Root(tb)
	up.once.Do(func() { up.out, up.err = runTestbed(tb, "up") })
	if errors.Is(up.err, errCannotRun) {
		tb.Skipf("%s: this end-to-end test did not run", bytes.TrimSpace(up.out))
	}
	if up.err != nil {
		tb.Fatalf("bring up the testbed: %v\n%s", up.err, up.out)
	}
	return &Cluster{
		Kubeconfig:  filepath.Join(root, ".testbed", "kubeconfig"),
		Context:     "kind-testbed",
		ProdContext: "prod-testbed",
		Registry:    "localhost:5000",
		DockerHost:  "unix:///var/run/docker.sock",
	}
}

// errCannotRun is what runTestbed returns on a machine that cannot run the testbed.
var errCannotRun = errors.New("this machine cannot run the testbed")

// runTestbed runs the testbed's command and returns what it printed. It also works while the test is being cleaned up.
func runTestbed(tb testing.TB, args ...string) ([]byte, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), lockLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./dev/testbed"}, args...)...)
	cmd.Dir = Root(tb)
	// Without cgo even in a run with the race detector: another setting compiles the command once more.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return out, nil
	}
	// `go run` ends with status 1 whatever the program's was, and prints that.
	if message, ok := bytes.CutSuffix(bytes.TrimSpace(out), []byte(cannotRunLine)); ok {
		return message, errCannotRun
	}
	return out, fmt.Errorf("run the testbed: %w", err)
}

// acquire waits for the testbed's lock as long as the test run lasts.
func acquire(tb testing.TB, mode testbedlock.Mode) *testbedlock.Lock {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), lockLimit)
	defer cancel()
	if test, ok := tb.(*testing.T); ok {
		if end, ok := test.Deadline(); ok {
			// Soon enough to tell who held it.
			ctx, cancel = context.WithDeadline(ctx, end.Add(-5*time.Second))
			defer cancel()
		}
	}
	lock, err := testbedlock.Acquire(ctx, testbedlock.Path, mode, func(holders []testbedlock.Holder) {
		tb.Logf("waiting for the testbed, which is used by %v", holders)
	})
	if err != nil {
		tb.Fatal(err)
	}
	return lock
}

// shared is this process's shared lock, counted so that the process takes it once.
var shared sharedLock

type sharedLock struct {
	mu    sync.Mutex // guards the fields below; held while waiting for the lock
	lock  *testbedlock.Lock
	users int
}

// hold takes part in the lock until the test ends.
func (s *sharedLock) hold(tb testing.TB) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		s.lock = acquire(tb, testbedlock.Shared)
	}
	s.users++
	tb.Cleanup(func() { s.leave(tb) })
}

func (s *sharedLock) leave(tb testing.TB) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users > 0 {
		return
	}
	if err := s.lock.Release(); err != nil {
		tb.Error(err)
	}
}

// exclusive knows which tests of this process hold the testbed alone.
var exclusive = exclusiveTests{clusters: map[string]*Cluster{}}

type exclusiveTests struct {
	mu       sync.Mutex // guards clusters
	clusters map[string]*Cluster
}

func (e *exclusiveTests) add(test string, c *Cluster) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clusters[test] = c
}

func (e *exclusiveTests) remove(test string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.clusters, test)
}

// of returns the testbed if the test, or one that it is a subtest of, holds it alone.
func (e *exclusiveTests) of(test string) *Cluster {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, c := range e.clusters {
		if test == name || strings.HasPrefix(test, name+"/") {
			return c
		}
	}
	return nil
}
