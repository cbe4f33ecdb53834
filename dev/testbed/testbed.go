package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/envflow/envflow/dev/testbed/kubeapi"
	"github.com/envflow/envflow/dev/testbed/pki"
	"github.com/envflow/envflow/dev/testbed/proc"
	"github.com/envflow/envflow/internal/testenv/testbedlock"
)

// Folders of the machine. stateDir and runDir hold one cluster's life, cacheDir what can be used again.
const (
	stateDir = "/var/lib/envflow-testbed"
	cacheDir = "/var/cache/envflow-testbed"
	runDir   = "/run/envflow-testbed"
)

// Fixed parts of the cluster.
const (
	nodeName     = "testbed"
	podNetwork   = "10.244.0.0/16"
	dnsAddress   = "10.96.0.10"
	serverURL    = "https://127.0.0.1:6443"
	etcdURL      = "https://127.0.0.1:12379"
	registryHost = "localhost:5000"
)

// testbed is the machine's testbed as seen from one checkout.
type testbed struct {
	out      io.Writer
	checkout string // root folder of the checkout
	nodeIP   string
	builds   builds
	daemons  []daemon

	outMu sync.Mutex // guards out

	apiOnce sync.Once
	apiErr  error
	ca      *pki.Authority
	api     *kubeapi.Client
}

// open looks at the machine and the checkout. It changes nothing.
func open(out io.Writer) (*testbed, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("%w: it needs Linux; set ENVFLOW_TEST_CONTEXT to a kube context of your own (kind, k3d, ...) for the end-to-end tests", errCannotRun)
	}
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("%w: it needs root; use sudo, or set ENVFLOW_TEST_CONTEXT to a kube context of your own (kind, k3d, ...)", errCannotRun)
	}
	t := &testbed{out: out}
	var err error
	if t.checkout, err = findCheckout(); err != nil {
		return nil, err
	}
	if t.nodeIP, err = findNodeIP(); err != nil {
		return nil, err
	}
	if t.builds, err = findBuilds(t.checkout); err != nil {
		return nil, err
	}
	return t, t.describeDaemons()
}

// findCheckout returns the nearest folder above the current one that holds envflow's go.mod.
func findCheckout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(content, []byte("module github.com/envflow/envflow\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("this is no checkout of envflow; change to one and try again")
		}
	}
}

// say tells of a change to the machine, or of a result, before or after it happens.
func (t *testbed) say(verb, format string, args ...any) {
	t.outMu.Lock()
	defer t.outMu.Unlock()
	fmt.Fprintf(t.out, "%-8s %s\n", verb, fmt.Sprintf(format, args...))
}

// locked runs a change of the testbed while nobody else uses it. If the caller of this command holds the lock alone
// already, as a fault test does, it is not taken again.
func (t *testbed) locked(ctx context.Context, change func(context.Context) error) error {
	if err := testbedlock.Prepare(testbedlock.Path); err != nil {
		return err
	}
	if holder, ok := lockingAncestor(); ok {
		if holder.Mode == testbedlock.Shared {
			return fmt.Errorf("%v called this command and shares the testbed with others; a test that changes it calls testenv.TestbedExclusive", holder)
		}
		return change(ctx)
	}
	lock, err := testbedlock.Acquire(ctx, testbedlock.Path, testbedlock.Exclusive, func(holders []testbedlock.Holder) {
		t.say("wait", "for the testbed, which is used by %v", holders)
	})
	if err != nil {
		return err
	}
	return errors.Join(change(ctx), lock.Release())
}

// lockingAncestor returns the process that holds the lock and called this command, directly or through others.
func lockingAncestor() (testbedlock.Holder, bool) {
	ancestors := proc.Ancestors()
	for _, holder := range testbedlock.Holders(testbedlock.Path) {
		if slices.Contains(ancestors, holder.PID) {
			return holder, true
		}
	}
	return testbedlock.Holder{}, false
}

var errNoCluster = errors.New("no cluster was started")

// client returns a client of the API server with all rights.
func (t *testbed) client() (*kubeapi.Client, error) {
	t.apiOnce.Do(func() {
		if !exists(pkiDir + "/ca.crt") {
			t.apiErr = errNoCluster // Never make an authority on the way; issueCertificates does.
			return
		}
		t.ca, t.apiErr = pki.Open(pkiDir)
		if t.apiErr != nil {
			return
		}
		admin, err := t.ca.Issue(adminSubject)
		if t.apiErr = err; err == nil {
			t.api = kubeapi.New(serverURL, admin, t.ca.Pool())
		}
	})
	return t.api, t.apiErr
}

// forgetClient makes the next call of client read the certificates again.
func (t *testbed) forgetClient() {
	t.apiOnce, t.api, t.ca = sync.Once{}, nil, nil
}

// together runs functions at the same time and returns all their errors.
func together(ctx context.Context, functions ...func(context.Context) error) error {
	errs := make([]error, len(functions))
	var group sync.WaitGroup
	for i, f := range functions {
		group.Go(func() { errs[i] = f(ctx) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// eventually repeats a probe until it succeeds, the limit has passed or the probe returns errEnded; it then returns the
// probe's last error.
func eventually(ctx context.Context, limit time.Duration, probe func(context.Context) error) error {
	deadline, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		attempt, end := context.WithTimeout(deadline, probeLimit)
		err := probe(attempt)
		end()
		if err == nil || errors.Is(err, errEnded) {
			return err
		}
		select {
		case <-deadline.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("after %s: %w", limit, err)
		case <-tick.C:
		}
	}
}
