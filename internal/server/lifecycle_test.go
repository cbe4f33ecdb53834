package server_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	sdkclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/testenv/devserver"
)

func TestHandle_ManyStartsMakeOneServer(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	var wg sync.WaitGroup
	var mu sync.Mutex // guards pids and starts
	pids, starts := map[int]bool{}, 0
	for range 8 {
		wg.Go(func() {
			r, started, err := h.Ensure(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("Ensure: %+v", err)
			}
			pids[r.PID] = true
			if started {
				starts++
			}
		})
	}
	wg.Wait()
	if len(pids) != 1 || starts != 1 {
		t.Errorf("processes %v after %d starts, want one after one", pids, starts)
	}
}

func TestHandle_StatusAndStop(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	if _, ok, err := h.Status(t.Context()); ok || err != nil {
		t.Fatalf("before the start: running %v, error %v", ok, err)
	}
	r := devserver.Start(t, h)
	if got, ok, err := h.Status(t.Context()); err != nil || !ok || got != r {
		t.Errorf("Status: %+v, %v, %v; want %+v", got, ok, err, r)
	}
	if was, err := h.Stop(t.Context()); err != nil || !was {
		t.Errorf("Stop: %v, %v", was, err)
	}
	if h.Alive() {
		t.Error("alive after Stop")
	}
	if _, err := os.Stat(r.Socket); err == nil {
		t.Errorf("the control socket %s stays behind", r.Socket)
	}
	if was, err := h.Stop(t.Context()); err != nil || was {
		t.Errorf("second Stop: %v, %v", was, err)
	}
}

// What the server acknowledged survives a graceful end and kill -9, on the same address, and clients that were connected
// go on with the next server.
func TestServer_RestartsLoseNothing(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	rememberPorts(t, h)
	first := devserver.Start(t, h)
	c := devserver.Dial(t, h)
	queue := devserver.UniqueName(t)

	w := sdkworker.New(c, queue, sdkworker.Options{})
	w.RegisterWorkflowWithOptions(collect, workflow.RegisterOptions{Name: "collect"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()

	const workflows, rounds = 5, 3 // a round is a signal to each, then a restart
	for i := range workflows {
		_, err := c.ExecuteWorkflow(t.Context(), sdkclient.StartWorkflowOptions{ID: fmt.Sprint(queue, i), TaskQueue: queue}, "collect", rounds)
		if err != nil {
			t.Fatal(err)
		}
	}
	for round := range rounds {
		for i := range workflows {
			if err := c.SignalWorkflow(t.Context(), fmt.Sprint(queue, i), "", "add", round); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if round == 0 {
			if _, err := h.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		} else {
			crash(t, h)
		}
		if again := devserver.Start(t, h); again.Address != first.Address || again.UI != first.UI || again.PID == first.PID {
			t.Fatalf("after the restart %+v, want the ports of %+v", again, first)
		}
	}
	for i := range workflows {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var got []int
		if err := c.GetWorkflow(ctx, fmt.Sprint(queue, i), "").Get(ctx, &got); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != "[0 1 2]" {
			t.Errorf("workflow %d collected %v", i, got)
		}
	}
}

// collect returns the values of n signals.
func collect(ctx workflow.Context, n int) (got []int, err error) {
	for range n {
		var v int
		workflow.GetSignalChannel(ctx, "add").Receive(ctx, &v)
		got = append(got, v)
	}
	return got, nil
}

// rememberPorts lets the server find two free ports in the record of its predecessor that no other test will take while
// it restarts: not those from the conventional ones on, nor those that the system gives to whoever asks for any.
func rememberPorts(t *testing.T, h *server.Handle) {
	t.Helper()
	if err := state.EnsureDir(h.Files().Dir); err != nil {
		t.Fatal(err)
	}
	var free []string
	for port := 20_000 + rand.IntN(5_000); len(free) < 2; port++ {
		address := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			free = append(free, address)
		}
	}
	if err := state.WriteJSON(h.Files().Record, server.Record{Address: free[0], UI: "http://" + free[1]}); err != nil {
		t.Fatal(err)
	}
}

// crash ends the server as kill -9 does, and waits until it is gone.
func crash(t *testing.T, h *server.Handle) {
	t.Helper()
	r, ok, err := h.Status(t.Context())
	if err != nil || !ok {
		t.Fatalf("no server to kill: %v", err)
	}
	p, err := os.FindProcess(r.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the killed server to be gone", func() bool { return !h.Alive() })
}

// A server that hangs is reported as such, and stop ends it.
func TestHandle_StopKillsWhatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	if os.Getenv("ENVFLOW_TEST_LONG") == "" {
		t.Skip("waits for a server that hangs: set ENVFLOW_TEST_LONG=1")
	}
	h := devserver.New(t)
	r := devserver.Start(t, h)
	suspend(t, r.PID)
	eventually(t, "Status to say that the server hangs", func() bool {
		_, _, err := h.Status(t.Context())
		return err != nil
	})
	if was, err := h.Stop(t.Context()); err != nil || !was {
		t.Errorf("Stop: %v, %v", was, err)
	}
}

// A stop that comes while the server is starting ends that server, and soon.
func TestHandle_StopDuringTheStart(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	started := make(chan error, 1)
	go func() {
		_, _, err := h.Ensure(t.Context())
		started <- err
	}()
	eventually(t, "the server to begin", h.Alive)
	if was, err := h.Stop(t.Context()); err != nil || !was {
		t.Errorf("Stop: %v, %v", was, err)
	}
	if h.Alive() {
		t.Error("alive after Stop")
	}
	var f *fault.Error
	if err := <-started; err != nil && (!errors.As(err, &f) || !strings.Contains(f.Msg, "while it was starting")) {
		t.Errorf("Ensure says %v", err)
	}
}

// A folder that the user named stays as open as he made it; what envflow makes in it is closed.
func TestHandle_LeavesTheStateRootAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h := devserver.In(t, dir)
	devserver.Start(t, h)
	for path, want := range map[string]fs.FileMode{dir: 0o755, h.Files().Dir: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

// Whoever loses the files of a running server gets rid of the server as well, and the next one is not disturbed by it.
func TestServer_EndsWithItsFolder(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	first := devserver.Start(t, h)
	if err := os.RemoveAll(h.Files().Dir); err != nil {
		t.Fatal(err)
	}
	second := devserver.Start(t, h)
	eventually(t, "the first server to end", func() bool { return !processLives(first.PID) })
	if r, ok, err := h.Status(t.Context()); err != nil || !ok || r.PID != second.PID {
		t.Errorf("the second server: %+v, %v, %v", r, ok, err)
	}
}

// Logging out of a session may remove the folder of sockets; the server makes its socket again.
func TestServer_MakesItsSocketAgain(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	r := devserver.Start(t, h)
	if err := os.Remove(r.Socket); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server to answer again", func() bool {
		again, ok, err := h.Status(t.Context())
		return err == nil && ok && again.PID == r.PID
	})
}

func TestServer_TakesTheNextFreePort(t *testing.T) {
	t.Parallel()
	// Whoever has 7233 already (another test, another user) does; then it is not free either.
	if l, err := net.Listen("tcp", "127.0.0.1:7233"); err == nil {
		defer func() { _ = l.Close() }()
	}
	r := devserver.Start(t, devserver.New(t))
	if r.Address == "127.0.0.1:7233" {
		t.Errorf("the server took a port that was not free: %s", r.Address)
	}
}

func TestServer_EndsWithoutUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := server.New(dir, server.Options{Executable: devserver.Binary(t), StartArgs: []string{"--idle-timeout", "100ms"}})
	devserver.Start(t, h)
	eventually(t, "the server to end by itself", func() bool { return !h.Alive() })
}

// The environment of whoever happens to start the server must not reach it: it outlives that terminal.
func TestServer_DoesNotInheritVariables(t *testing.T) {
	for _, name := range []string{"OTEL_TRACES_EXPORTER", "TEMPORAL_ADDRESS", "A_SECRET"} {
		t.Setenv(name, "otlp")
	}
	r := devserver.Start(t, devserver.New(t))
	got, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(r.PID), "environ"))
	if err != nil {
		t.Skipf("the environment of a process can be read on Linux only: %v", err)
	}
	for _, name := range []string{"OTEL_TRACES_EXPORTER", "TEMPORAL_ADDRESS", "A_SECRET"} {
		if containsVariable(string(got), name) {
			t.Errorf("the server inherited %s", name)
		}
	}
}

// People find workflows by these attributes in the Temporal UI.
func TestServer_FindsWorkflowsBySearchAttributes(t *testing.T) {
	t.Parallel()
	c, _ := devserver.Shared(t)
	id := devserver.UniqueName(t)
	run, err := c.ExecuteWorkflow(t.Context(), sdkclient.StartWorkflowOptions{
		ID: id, TaskQueue: id, WorkflowExecutionTimeout: time.Minute,
		TypedSearchAttributes: temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(api.AttributeResource).ValueSet(id)),
	}, "never-run")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the workflow to be listed", func() bool {
		list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: fmt.Sprintf("%s = '%s'", api.AttributeResource, id),
		})
		return err == nil && len(list.Executions) == 1 && list.Executions[0].Execution.RunId == run.GetRunID()
	})
	if err := c.TerminateWorkflow(t.Context(), id, "", "end of the test"); err != nil {
		t.Error(err)
	}
	// The UI asks for them on every page, and the frontend another frontend: one that wants no token of it.
	known, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: api.Namespace})
	if _, ok := known.GetCustomAttributes()[api.AttributeResource]; err != nil || !ok {
		t.Errorf("the search attributes are %v, error %v", known, err)
	}
}
