package temporal_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	sdkactivity "go.temporal.io/sdk/activity"
	sdkclient "go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdktemporal "go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/dev/temporal"
	"github.com/envflow/envflow/internal/api"
)

// The way from a signal to the start of an activity is part of every update of a container, so it is measured by itself.
// The target is a median of at most 15 ms.

// benchServer is the one server of this process.
var benchServer struct {
	once   sync.Once
	dir    string
	client sdkclient.Client
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(benchServer.dir); err != nil { // removing "" does nothing
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func benchClient(b *testing.B) sdkclient.Client {
	b.Helper()
	s := &benchServer
	s.once.Do(func() { s.client, s.err = startBenchServer(b) })
	if s.err != nil {
		b.Fatal(s.err)
	}
	return s.client
}

func startBenchServer(b *testing.B) (sdkclient.Client, error) {
	dir, err := os.MkdirTemp("", "envflow-bench-") //nolint:usetesting // the server stays for the benchmarks that follow
	if err != nil {
		return nil, err
	}
	benchServer.dir = dir
	database := filepath.Join(dir, "temporal.db")
	if _, err := temporal.OpenDatabase(b.Context(), database, time.Now()); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	srv, err := temporal.New(temporal.Options{
		Database: database, Port: port, Token: "bench", Namespace: api.Namespace, Retention: 24 * time.Hour,
		SearchAttributes: api.SearchAttributes(), LogLevel: "error",
	})
	if err != nil {
		return nil, err
	}
	if err := srv.Start(); err != nil {
		return nil, err
	}
	return sdkclient.Dial(sdkclient.Options{
		HostPort: fmt.Sprintf("127.0.0.1:%d", port), Namespace: api.Namespace,
		HeadersProvider:   bearer("bench"),
		ConnectionOptions: sdkclient.ConnectionOptions{TLSDisabled: true},
		Logger:            sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
}

type bearer string

func (t bearer) GetHeaders(context.Context) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(t)}, nil
}

// BenchmarkSignalToActivity sends one signal after the other to a workflow that runs an activity for each, and reports how
// long it took from sending to the activity's first line.
func BenchmarkSignalToActivity(b *testing.B) {
	c := benchClient(b)
	queue := fmt.Sprintf("%s-%d", b.Name(), time.Now().UnixNano())
	started := make(chan time.Time, 1)
	activity := func(context.Context) error {
		started <- time.Now()
		return nil
	}
	const perRun = 500 // then continue as new, as an environment does
	loop := func(ctx workflow.Context, owed int) error {
		signals := workflow.GetSignalChannel(ctx, "go")
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &sdktemporal.RetryPolicy{MaximumAttempts: 1}})
		for range perRun {
			if owed > 0 {
				owed--
			} else {
				signals.Receive(ctx, nil)
			}
			if err := workflow.ExecuteActivity(ctx, "activity").Get(ctx, nil); err != nil {
				return err
			}
		}
		// A signal that this run was sent and did not take does not reach the next one by itself.
		return workflow.NewContinueAsNewError(ctx, "loop", owed+signals.Len())
	}
	w := sdkworker.New(c, queue, sdkworker.Options{})
	w.RegisterWorkflowWithOptions(loop, workflow.RegisterOptions{Name: "loop"})
	w.RegisterActivityWithOptions(activity, sdkactivity.RegisterOptions{Name: "activity"})
	if err := w.Start(); err != nil {
		b.Fatal(err)
	}
	defer w.Stop()
	if _, err := c.ExecuteWorkflow(b.Context(), sdkclient.StartWorkflowOptions{ID: queue, TaskQueue: queue}, "loop", 0); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := c.SignalWorkflow(b.Context(), queue, "", "go", nil); err != nil {
			b.Fatal(err)
		}
		select {
		case at := <-started:
			took = append(took, at.Sub(began))
		case <-time.After(time.Minute):
			b.Fatalf("the activity for signal %d did not start within a minute", len(took)+1)
		}
	}
	slices.Sort(took)
	at := func(percent int) float64 { return float64(took[len(took)*percent/100].Microseconds()) / 1000 }
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(95), "p95-ms")
	if err := c.TerminateWorkflow(context.WithoutCancel(b.Context()), queue, "", "end of the benchmark"); err != nil {
		b.Error(err)
	}
}
