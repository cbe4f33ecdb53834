package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/testenv"
	"github.com/envflow/envflow/workflows"
)

// history returns the events of the current run of a workflow.
func (w *world) history(workflowID, runID string) *historypb.History {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	var h historypb.History
	for it := w.client.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		if err != nil {
			w.t.Fatalf("history of %s: %v", workflowID, err)
		}
		h.Events = append(h.Events, event)
	}
	return &h
}

// received counts the signals in the current run of resource a that its workflow has seen.
func (w *world) received(signal string) (n int) {
	w.t.Helper()
	waiting := 0
	for _, e := range w.history(w.resourceID("a"), "").Events {
		if a := e.GetWorkflowExecutionSignaledEventAttributes(); a != nil && a.SignalName == signal {
			waiting++
		}
		if e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			n, waiting = n+waiting, 0
		}
	}
	return n
}

// reports returns how many reports resource a has sent.
func (w *world) reports() (n int) {
	w.t.Helper()
	for _, e := range w.history(w.resourceID("a"), "").Events {
		if a := e.GetSignalExternalWorkflowExecutionInitiatedEventAttributes(); a != nil && a.SignalName == api.ResourceReportSignal {
			n++
		}
	}
	return n
}

// sentConfigure is true once a resource has seen a configure signal of a worker.
func (w *world) sentConfigure(resource string, epoch int64) bool {
	w.t.Helper()
	sent, seen := false, false
	for _, e := range w.history(w.resourceID(resource), "").Events {
		if a := e.GetWorkflowExecutionSignaledEventAttributes(); a != nil && a.SignalName == api.ConfigureSignal {
			var m api.Configure
			if err := converter.GetDefaultDataConverter().FromPayloads(a.Input, &m); err != nil {
				w.t.Fatal(err)
			}
			sent = sent || m.Epoch == epoch
		}
		seen = seen || sent && e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
	}
	return seen
}

func TestContinueAsNew_WhileFiveResourcesBuild(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e"}
	var specs []api.Spec
	for _, name := range names {
		specs = append(specs, spec(name))
	}
	w := newWorld(t, specs...)
	held := w.hold(api.BuildImageActivity, "*", len(names))
	w.attach(1)
	runs := map[string]string{}
	for range names {
		w.come("a build", held.entered)
	}
	ids := []string{w.workflowID()}
	for _, name := range names {
		ids = append(ids, w.resourceID(name))
	}
	for _, id := range ids {
		runs[id], _ = w.run(id)
		w.signal(id, api.ContinueAsNewSignal, struct{}{})
	}
	renewed := func(id string) {
		w.until(id+" has another run", func(api.Status) bool {
			run, running := w.run(id)
			return running && run != runs[id]
		})
	}
	renewed(w.workflowID()) // while everything builds

	// Changes come all the time, before and after the resources begin their new runs.
	var wg sync.WaitGroup
	const changes = 20
	for _, name := range names {
		wg.Go(func() {
			for seq := range int64(changes) {
				if err := w.client.SignalWorkflow(t.Context(), w.resourceID(name), "", api.FilesChangedSignal, api.FilesChanged{Epoch: 1, Seq: seq + 1}); err != nil {
					t.Error(err)
				}
				if seq == changes/2 {
					held.letGoOnce()
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		renewed(id)
	}
	for _, name := range names {
		testenv.Eventually(t, limit, "the last change of "+name, func() error {
			syncs := w.called(api.SyncActivity, name)
			if in := syncs[len(syncs)-1].in.(api.SyncIn); in.Seq != changes {
				return fmt.Errorf("the last sync is %+v", in)
			}
			return nil
		})
	}
	w.untilReady(1)
	for _, name := range names {
		w.wantCount(api.BuildImageActivity, name, 1)
		w.wantCount(api.ApplyActivity, name, 1)
	}
	// The new runs know what the old ones knew.
	w.attach(2)
	w.untilReady(2)
	w.wantCount(api.BuildImageActivity, "*", len(names))
	w.replay()
}

// TestContinueAsNew_AgainAndAgain begins new runs while everything else happens.
func TestContinueAsNew_AgainAndAgain(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b", after("a")), spec("c", manual))
	w.attach(1)
	for epoch := int64(2); epoch < 7; epoch++ {
		for _, id := range []string{w.workflowID(), w.resourceID("a"), w.resourceID("b"), w.resourceID("c")} {
			_ = w.client.SignalWorkflow(t.Context(), id, "", api.ContinueAsNewSignal, struct{}{}) // there may be no such workflow yet
		}
		switch epoch % 3 {
		case 0:
			if err := w.update(api.PauseUpdate, api.PauseIn{Epoch: epoch - 1}, nil); err != nil {
				t.Fatal(err)
			}
		case 1:
			w.plan(spec("a", another), spec("b", after("a")), spec("c", manual))
			w.configChanged()
		}
		w.attach(epoch)
	}
	w.untilReady(6)
	w.filesChanged("b", 6, 9)
	testenv.Eventually(t, limit, "the change", func() error {
		syncs := w.called(api.SyncActivity, "b")
		if in := syncs[len(syncs)-1].in.(api.SyncIn); in.Seq != 9 {
			return fmt.Errorf("the last sync is %+v", in)
		}
		return nil
	})
	w.replay()
}

// TestContinueAsNew_DownComesFirst: a down that comes while the environment begins a new run does not wait for that.
func TestContinueAsNew_DownComesFirst(t *testing.T) {
	w := newWorld(t, spec("a"))
	held := w.hold(api.ApplyActivity, "a", 1)
	w.attach(1)
	w.come("the apply", held.entered)
	w.untilUpdate("a", api.StateInProgress)
	// The pause waits for the apply, and the new run for the pause.
	paused := make(chan error, 1)
	go func() { paused <- w.update(api.PauseUpdate, api.PauseIn{Epoch: 1}, nil) }()
	w.until("paused", func(s api.Status) bool { return s.State == api.EnvironmentPaused })
	w.signal(w.workflowID(), api.ContinueAsNewSignal, struct{}{})
	down := make(chan error, 1)
	go func() { down <- w.update(api.DownUpdate, api.DownIn{}, nil) }()
	w.untilCount(api.EndResourcesActivity, "a", 1)
	held.letGo()
	if err := <-down; err != nil {
		t.Errorf("down: %v", err)
	}
	if err := <-paused; err != nil {
		t.Errorf("pause: %v", err)
	}
	w.untilEnded(w.workflowID())
}

// TestContinueAsNew_LongHistory runs in virtual time, where a history is as long as the test says: a new run begins although
// there is always something to do, and what there was to do goes with it.
func TestContinueAsNew_LongHistory(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(workflows.Resource, workflow.RegisterOptions{Name: api.ResourceWorkflow})
	const anything = "mock.Anything" // as testify calls it
	env.OnSignalExternalWorkflow(anything, anything, anything, anything, anything).Return(nil)
	seq := int64(0)
	change := func() {
		seq++
		env.SignalWorkflow(api.FilesChangedSignal, api.FilesChanged{Epoch: 1, Seq: seq})
	}
	syncs := 0
	env.RegisterActivityWithOptions(func(context.Context, api.SyncIn) (api.SyncOut, error) {
		if syncs++; syncs == 10 {
			env.SetCurrentHistoryLength(10_000)
		}
		change()
		return api.SyncOut{Outcome: api.SyncUpdated}, nil
	}, activity.RegisterOptions{Name: api.SyncActivity})
	env.RegisterActivityWithOptions(func(context.Context, api.ApplyIn) (api.ApplyOut, error) {
		return api.ApplyOut{}, nil
	}, activity.RegisterOptions{Name: api.ApplyActivity})
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflow(api.ConfigureSignal, api.Configure{Epoch: 1, Spec: spec("a")})
	}, 0)
	env.ExecuteWorkflow(api.ResourceWorkflow, api.ResourceIn{Environment: "e", Resource: "a"})

	var renewed *workflow.ContinueAsNewError
	if err := env.GetWorkflowError(); !errors.As(err, &renewed) {
		t.Fatalf("the run ended with %v", err)
	}
	var in api.ResourceIn
	if err := converter.GetDefaultDataConverter().FromPayloads(renewed.Input, &in); err != nil {
		t.Fatal(err)
	}
	if syncs != 10 || in.State.Pending.Seq != seq || !in.State.Pending.Files || in.State.Spec.Name != "a" || in.State.Configured != 1 {
		t.Errorf("after %d syncs and change %d the next run begins with %+v", syncs, seq, in.State)
	}
}
