package worker

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	sdkclient "go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/activities/selftest"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/version"
	"github.com/envflow/envflow/workflows"
)

// stopTimeout is how long activities that still run when the worker stops may take to end.
const stopTimeout = 5 * time.Second

// Worker runs the workflows and activities of one task queue.
type Worker struct {
	internal sdkworker.Worker
}

// New prepares a worker for the task queue. c stays the caller's and must outlive the worker.
func New(c sdkclient.Client, taskQueue string) *Worker {
	w := newWorker(c, taskQueue, sdkworker.Options{WorkerStopTimeout: stopTimeout})
	register(w)
	return &Worker{internal: w}
}

func newWorker(c sdkclient.Client, taskQueue string, o sdkworker.Options) sdkworker.Worker {
	// Else the SDK reads all of this binary, 200 MB, to tell it from others.
	v := version.Get()
	sdkworker.SetBinaryChecksum(v.Version + " " + v.Commit)
	return sdkworker.New(c, taskQueue, o)
}

// Start begins to poll. Call Stop afterwards, whatever it returns.
func (w *Worker) Start() error {
	if err := w.internal.Start(); err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	return nil
}

// Stop ends polling and waits for activities that run, at most stopTimeout.
func (w *Worker) Stop() { w.internal.Stop() }

// register names everything as it stands in histories; a Go name may change, these may not.
func register(r sdkworker.Registry) {
	r.RegisterWorkflowWithOptions(workflows.Selftest, workflow.RegisterOptions{Name: api.SelftestWorkflow})
	r.RegisterActivityWithOptions(selftest.Activities{}.Probe, activity.RegisterOptions{Name: api.SelftestActivity})
}
