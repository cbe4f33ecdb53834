package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
)

func TestEnvironment_FirstUp(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.slow["a"] = true
	build := w.hold(api.BuildImageActivity, "a", 1)
	w.attach(1)
	w.come("the build", build.entered)
	if r := w.untilUpdate("a", api.StateInProgress); r.Ready || r.Runtime != api.StatePending {
		t.Errorf("while it builds: %+v", r)
	}
	build.letGo()
	if r := w.untilUpdate("a", api.StateOK); r.Ready || r.Reason != "starting" || r.Last == nil || r.Last.Kind != api.KindBuild {
		t.Errorf("deployed, not ready: %+v", r)
	}
	w.observed("a", api.StateOK)
	s := w.untilReady(1)
	if s.State != api.EnvironmentRunning || s.Worker.PID != 1 {
		t.Errorf("status is %+v", s)
	}
	want := []string{api.SyncActivity, api.BuildImageActivity, api.PushImageActivity, api.ApplyActivity}
	if diff := cmp.Diff(want, w.sequence("a")); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	w.wantCount(api.EvaluateActivity, "", 1)
}

func TestEnvironment_DependenciesComeFirst(t *testing.T) {
	w := newWorld(t, spec("b", after("a")), spec("a"), spec(plan.Uncategorized, noImages))
	w.slow["a"], w.slow[plan.Uncategorized] = true, true
	w.attach(1)
	w.untilUpdate(plan.Uncategorized, api.StateOK)
	w.until("both wait", func(s api.Status) bool {
		return find(s, "a").Reason == "waiting for uncategorized" && find(s, "b").Reason == "waiting for a, uncategorized"
	})
	w.wantCount(api.SyncActivity, "*", 0)

	w.observed(plan.Uncategorized, api.StateOK)
	w.untilUpdate("a", api.StateOK)
	w.until("b waits for a", func(s api.Status) bool { return find(s, "b").Reason == "waiting for a" })
	w.wantCount(api.SyncActivity, "b", 0)

	w.observed("a", api.StateOK)
	w.untilReady(1)
	// Only the first update waits.
	w.observed("a", api.StatePending)
	w.filesChanged("b", 1, 1)
	w.untilCount(api.SyncActivity, "b", 2)
}

func TestEnvironment_OthersGoOnIfUncategorizedFails(t *testing.T) {
	w := newWorld(t, spec("a"), spec(plan.Uncategorized, noImages))
	w.fail(api.ApplyActivity, plan.Uncategorized, failure.User, "bad object", "")
	w.attach(1)
	w.untilUpdate(plan.Uncategorized, api.StateError)
	w.untilUpdate("a", api.StateOK)
}

func TestEnvironment_NobodyWaitsForADependencyThatHasLeft(t *testing.T) {
	for name, next := range map[string][]api.Spec{
		"gone":     {spec("b", after("a"))},
		"disabled": {spec("a", disabled), spec("b", after("a"))},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, spec("a"), spec("b", after("a")))
			w.slow["a"] = true
			w.attach(1)
			w.until("b waits", func(s api.Status) bool { return find(s, "b").Reason == "waiting for a" })
			w.plan(next...)
			w.configChanged()
			w.untilReady(1)
		})
	}
}

func TestEnvironment_TiltfileErrorAtFirst(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.fail(api.EvaluateActivity, "", failure.User, "the Tiltfile has an error", "")
	w.attach(1)
	w.until("the error", func(s api.Status) bool {
		return s.Evaluated && !s.Evaluating && s.Error == "the Tiltfile has an error" && len(s.Resources) == 0
	})
	w.configChanged()
	if s := w.untilReady(1); s.Error != "" {
		t.Errorf("error is %q", s.Error)
	}
}

func TestEnvironment_TiltfileErrorLater(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.attach(1)
	w.untilReady(1)
	w.fail(api.EvaluateActivity, "", failure.User, "the Tiltfile has an error", "")
	w.configChanged()
	s := w.until("the error", func(s api.Status) bool { return s.Error != "" && !s.Evaluating })
	if r := find(s, "a"); !r.Ready || !r.Confirmed {
		t.Errorf("a is %+v", r)
	}
	w.filesChanged("a", 1, 1)
	w.untilCount(api.SyncActivity, "a", 2)
	w.plan(spec("a"), spec("b"))
	w.configChanged()
	if s := w.untilReady(1); s.Error != "" || len(s.Resources) != 2 {
		t.Errorf("status is %+v", s)
	}
	w.wantCount(api.BuildImageActivity, "a", 1)
}

func TestEnvironment_EvaluationWaitsForInfrastructure(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.fail(api.EvaluateActivity, "", failure.Infrastructure, "the cluster does not answer", failure.Cluster)
	wait := w.hold(api.AwaitActivity, failure.Cluster, -1)
	w.attach(1)
	w.come("the waiting", wait.entered)
	w.until("the error", func(s api.Status) bool { return s.Error == "the cluster does not answer" && s.Evaluating })
	w.wantCount(api.EvaluateActivity, "", 1)
	wait.letGo()
	w.untilReady(1)
	w.wantCount(api.EvaluateActivity, "", 2)
}

func TestEnvironment_AChangedTiltfileEndsTheWaiting(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.fail(api.EvaluateActivity, "", failure.Infrastructure, "the cluster does not answer", failure.Cluster)
	wait := w.hold(api.AwaitActivity, failure.Cluster, -1)
	w.attach(1)
	w.come("the waiting", wait.entered)
	w.configChanged()
	w.untilReady(1)
	w.come("the end of the waiting", wait.cancelled)
}

func TestEnvironment_ResourcesLeaveAndComeBack(t *testing.T) {
	for name, without := range map[string][]api.Spec{
		"not in the plan": {spec("a")},
		"not enabled":     {spec("a"), spec("b", disabled)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, spec("a"), spec("b"))
			w.attach(1)
			w.untilReady(1)
			w.plan(without...)
			w.configChanged()
			w.untilCount(api.DeleteActivity, "b", 1)
			w.untilEnded(w.resourceID("b"))
			w.wantCount(api.EndResourcesActivity, "b", 1)
			w.plan(spec("a"), spec("b"))
			w.configChanged()
			s := w.untilReady(1)
			if len(s.Resources) != 2 {
				t.Errorf("resources are %+v", s.Resources)
			}
			w.wantCount(api.BuildImageActivity, "b", 2)
			w.wantCount(api.BuildImageActivity, "a", 1)
			w.wantCount(api.DeleteActivity, "*", 1)
		})
	}
}

func TestEnvironment_ComesBackWhileItLeaves(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b"))
	w.attach(1)
	w.untilReady(1)
	held := w.hold(api.DeleteActivity, "b", 1)
	w.plan(spec("a"))
	w.configChanged()
	w.come("the deletion", held.entered)
	w.plan(spec("a"), spec("b"))
	w.configChanged()
	held.letGo()
	w.untilReady(1)
	w.wantCount(api.BuildImageActivity, "b", 2)
	w.replay()
}

func TestEnvironment_PauseCancelsBuilds(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b"))
	held := w.hold(api.BuildImageActivity, "a", 1)
	w.attach(1)
	w.come("the build", held.entered)
	w.untilUpdate("b", api.StateOK)
	w.untilUpdate("a", api.StateInProgress)
	if err := w.updateWithin(5*time.Second, api.PauseUpdate, api.PauseIn{Epoch: 1}, nil); err != nil {
		t.Fatal(err)
	}
	w.come("the end of the build", held.cancelled)
	s := w.until("paused", func(s api.Status) bool { return s.State == api.EnvironmentPaused })
	if r := find(s, "a"); r.Update != api.StatePending || r.Last != nil {
		t.Errorf("a is %+v", r)
	}
	if _, err := w.tryAttach(1); err == nil {
		t.Error("a worker that has left attached again under its epoch")
	}
	w.attach(2)
	w.untilReady(2)
	w.wantCount(api.BuildImageActivity, "a", 2)
	w.wantCount(api.ApplyActivity, "a", 1)
	w.wantCount(api.BuildImageActivity, "b", 1)
	w.replay()
}

func TestEnvironment_PauseLetsAppliesFinish(t *testing.T) {
	w := newWorld(t, spec("a"))
	held := w.hold(api.ApplyActivity, "a", 1)
	w.attach(1)
	w.come("the apply", held.entered)
	w.untilUpdate("a", api.StateInProgress)
	paused := make(chan error, 1)
	go func() { paused <- w.update(api.PauseUpdate, api.PauseIn{Epoch: 1}, nil) }()
	w.until("paused", func(s api.Status) bool { return s.State == api.EnvironmentPaused })
	held.letGo()
	if err := <-paused; err != nil {
		t.Error(err)
	}
	w.wantCount(api.ApplyActivity, "a", 1)
	select {
	case <-held.cancelled:
		t.Error("the apply was cancelled")
	default:
	}
}

func TestEnvironment_Down(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b"))
	w.attach(1)
	w.untilReady(1)
	var out api.DownOut
	if err := w.update(api.DownUpdate, api.DownIn{DeleteNamespaces: true}, &out); err != nil {
		t.Fatal(err)
	}
	if out.Objects != 2 {
		t.Errorf("down deleted %d objects", out.Objects)
	}
	for _, id := range []string{w.resourceID("a"), w.resourceID("b")} {
		if _, running := w.run(id); running {
			t.Errorf("%s runs", id)
		}
	}
	w.untilEnded(w.workflowID())
	w.until("down", func(s api.Status) bool { return s.State == api.EnvironmentDown })
	if in := w.called(api.DeleteActivity, "")[0].in.(api.DeleteIn); !in.DeleteNamespaces {
		t.Errorf("deleted by %+v", in)
	}
}

func TestEnvironment_DownWhileItBuilds(t *testing.T) {
	w := newWorld(t, spec("a"))
	held := w.hold(api.BuildImageActivity, "a", 1)
	w.attach(1)
	w.come("the build", held.entered)
	if err := w.update(api.DownUpdate, api.DownIn{}, nil); err != nil {
		t.Fatal(err)
	}
	w.come("the end of the build", held.cancelled)
	w.wantCount(api.ApplyActivity, "a", 0)
	w.untilEnded(w.workflowID())
}

func TestEnvironment_DownFails(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.attach(1)
	w.untilReady(1)
	w.fail(api.DeleteActivity, "", failure.User, "cannot delete", "")
	err := w.update(api.DownUpdate, api.DownIn{}, nil)
	if err == nil || err.Error() != "cannot delete (type: user, retryable: true)" {
		t.Errorf("down: %v", err)
	}
	w.until("it stays gone, and the status says why", func(s api.Status) bool {
		r := find(s, "a")
		return s.Down == "cannot delete" && !s.Evaluated && !s.Evaluating && !r.Ready && r.Runtime == api.StateNone
	})
	w.untilEnded(w.resourceID("a"))
	if err := w.update(api.TriggerUpdate, api.TriggerIn{Resources: []string{"a"}}, nil); err == nil || !strings.Contains(err.Error(), "cannot delete") {
		t.Errorf("trigger: %v", err)
	}
	w.configChanged() // somebody saved a file, which is no wish to have everything back
	if s, err := w.status(); err != nil || s.Evaluating || s.Down == "" {
		t.Errorf("after a change of the Tiltfile: %+v, error %v", s, err)
	}
	w.trigger(api.TiltfileName)
	w.untilReady(1) // somebody wanted it back
	if s, _ := w.status(); s.Down != "" {
		t.Errorf("back, the status is %+v", s)
	}
	w.filesChanged("a", 1, 1)
	w.untilCount(api.SyncActivity, "a", 3)
	if err := w.update(api.DownUpdate, api.DownIn{}, nil); err != nil {
		t.Errorf("down again: %v", err)
	}
	w.untilEnded(w.workflowID())
	w.untilEnded(w.resourceID("a"))
	w.replay()
}

// TestEnvironment_DownAdopts: what others own is known from the Tiltfile alone, so it is evaluated before.
func TestEnvironment_DownAdopts(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.fail(api.EvaluateActivity, "", failure.User, "a mistake", "")
	w.attach(1)
	w.until("the Tiltfile has a mistake", func(s api.Status) bool { return s.Error == "a mistake" })
	w.attach(2)
	if err := w.update(api.DownUpdate, api.DownIn{Adopt: true}, nil); err != nil {
		t.Fatal(err)
	}
	w.untilEnded(w.workflowID())
	if in := w.called(api.DeleteActivity, "")[0].in.(api.DeleteIn); !in.Adopt || w.count(api.EvaluateActivity, "") < 2 {
		t.Errorf("deleted by %+v: %s", in, w.describe())
	}
}

// TestEnvironment_DeletesWhatIsLeftOver: the worker knows of objects of resources that nobody wants. What cannot be deleted
// shows, and is tried again with the next evaluation.
func TestEnvironment_DeletesWhatIsLeftOver(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.leftover("old")
	w.fail(api.DeleteActivity, "old", failure.User, "cannot delete", "")
	w.attach(1)
	w.until("what is left over shows", func(s api.Status) bool {
		return slices.Equal(s.Undeleted, []string{"old"}) && s.Why == "cannot delete"
	})
	w.untilReady(1)
	w.wantCount(api.DeleteActivity, "old", 1)
	w.configChanged()
	w.untilCount(api.DeleteActivity, "old", 2)
	w.leftover()
	w.configChanged()
	w.until("nothing is left over", func(s api.Status) bool { return len(s.Undeleted) == 0 && s.Evaluated && !s.Evaluating })
	w.untilReady(1)
	w.replay()
}

func TestEnvironment_DownBeforeAnything(t *testing.T) {
	w := newWorld(t, spec("a"))
	held := w.hold(api.EvaluateActivity, "", 1)
	w.attach(1)
	w.come("the evaluation", held.entered)
	if err := w.update(api.DownUpdate, api.DownIn{}, nil); err != nil {
		t.Fatal(err)
	}
	w.untilEnded(w.workflowID())
	w.wantCount(api.SyncActivity, "*", 0)
	// The next one begins from nothing.
	if out, err := w.tryAttach(2); err != nil || out.Known {
		t.Errorf("attach: %+v, error %v", out, err)
	}
	w.untilReady(2)
}

func TestEnvironment_OlderWorkersAreRefused(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.attach(5)
	w.untilReady(5)
	if _, err := w.tryAttach(4); err == nil {
		t.Error("an older worker attached")
	}
	if err := w.update(api.PauseUpdate, api.PauseIn{Epoch: 4}, nil); err == nil {
		t.Error("an older worker paused the environment")
	}
	if out, err := w.tryAttach(5); err != nil || !out.Known {
		t.Errorf("the same worker again: %+v, error %v", out, err)
	}
	w.untilReady(5)
	w.wantCount(api.EvaluateActivity, "", 1)
}

func TestEnvironment_TwoWorkersAttachAtOnce(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b"))
	errs := make(chan error, 2)
	for epoch := range int64(2) {
		go func() {
			_, err := w.tryAttach(epoch + 1)
			errs <- err
		}()
	}
	first, second := <-errs, <-errs
	if first != nil && second != nil {
		t.Errorf("both failed: %v; %v", first, second)
	}
	w.untilReady(2)
	w.filesChanged("a", 2, 1)
	w.untilCount(api.SyncActivity, "a", 2)
}

func TestEnvironment_ReportsOutOfOrder(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.attach(1)
	w.untilReady(1)
	old := api.ResourceReport{Resource: "a", Version: 1, Epoch: 1, Spec: spec("a").Digest, Update: api.StateError, Reason: "old"}
	w.signal(w.workflowID(), api.ResourceReportSignal, old)
	w.signal(w.workflowID(), api.RuntimeReportSignal, api.RuntimeReports{Epoch: 1, Resources: []api.Runtime{{Resource: "a", Version: 0, State: api.StateError}}})
	w.signal(w.workflowID(), api.RuntimeReportSignal, api.RuntimeReports{Epoch: 0, Resources: []api.Runtime{{Resource: "a", Version: 1000, State: api.StateError}}})
	w.signal(w.workflowID(), api.RuntimeReportSignal, api.RuntimeReports{Epoch: 1, Resources: []api.Runtime{{Resource: "nobody", Version: 1000}}})
	// A round of something else makes sure that they have been read.
	w.configChanged()
	w.untilCount(api.EvaluateActivity, "", 2)
	if r := find(w.untilReady(1), "a"); r.Runtime != api.StateOK || r.Update != api.StateOK {
		t.Errorf("a is %+v", r)
	}
}

func TestEnvironment_StartsATerminatedResourceAgain(t *testing.T) {
	for name, need := range map[string]func(*world){
		"trigger":         func(w *world) { w.trigger("a") },
		"a new worker":    func(w *world) { w.attach(2) },
		"another spec":    func(w *world) { w.plan(spec("a", another)); w.configChanged() },
		"manual, trigger": func(w *world) { w.trigger("a") },
	} {
		t.Run(name, func(t *testing.T) {
			first := spec("a")
			if name == "manual, trigger" {
				first = spec("a", manual, noAutoInit)
			}
			w := newWorld(t, first)
			w.attach(1)
			if first.AutoInit {
				w.untilReady(1)
			} else {
				w.untilUpdate("a", api.StateNone)
			}
			ctx, cancel := w.ctx()
			defer cancel()
			if err := w.client.TerminateWorkflow(ctx, w.resourceID("a"), "", "by somebody"); err != nil {
				t.Fatal(err)
			}
			w.forget()
			need(w)
			w.untilCount(api.ApplyActivity, "a", 1)
			s, _ := w.status()
			w.untilReady(s.Epoch)
		})
	}
}

func TestEnvironment_SweepsWhatNobodyKnows(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b"))
	w.attach(1)
	w.untilReady(1)
	ctx, cancel := w.ctx()
	defer cancel()
	if err := w.client.TerminateWorkflow(ctx, w.workflowID(), "", "its database is lost"); err != nil {
		t.Fatal(err)
	}
	// A Tiltfile with an error tells nothing about what there should be.
	w.plan(spec("a"))
	w.fail(api.EvaluateActivity, "", failure.User, "the Tiltfile has an error", "")
	w.attach(2)
	w.until("the error", func(s api.Status) bool { return s.Error != "" && !s.Evaluating })
	if _, running := w.run(w.resourceID("b")); !running {
		t.Error("b has ended")
	}
	w.configChanged()
	w.untilReady(2)
	w.untilEnded(w.resourceID("b"))
	w.wantCount(api.BuildImageActivity, "a", 1)
}

func TestEnvironment_ValidatesTriggers(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b", disabled))
	w.attach(1)
	w.untilReady(1)
	for _, name := range []string{"b", "c"} {
		if err := w.update(api.TriggerUpdate, api.TriggerIn{Resources: []string{"a", name}}, nil); err == nil {
			t.Errorf("triggered %s", name)
		}
	}
	w.wantCount(api.ApplyActivity, "a", 1)
	w.trigger(api.TiltfileName)
	w.untilCount(api.EvaluateActivity, "", 2)
	w.untilReady(1)
}

// TestEnvironment_ConfirmsNothingTooEarly looks at the status all the time while things are asked for.
func TestEnvironment_ConfirmsNothingTooEarly(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b"), spec("c"))
	w.attach(1)
	w.untilReady(1)
	for round := range 2 {
		for name, ask := range map[string]func(){
			"trigger": func() { w.trigger("a", "b", "c") },
			"attach":  func() { w.attach(int64(10 + round)) },
		} {
			before := w.count(api.ApplyActivity, "*")
			ask()
			w.until(name+" is done", func(s api.Status) bool {
				done := !slices.ContainsFunc(s.Resources, func(r api.ResourceStatus) bool { return !r.Confirmed || !r.Ready })
				if applied := w.count(api.ApplyActivity, "*") - before; done && applied < 3 {
					t.Fatalf("%s: everything is confirmed after %d of 3 applies: %+v", name, applied, s)
				}
				return done
			})
		}
	}
}

func TestEnvironment_ManyResources(t *testing.T) {
	var specs []api.Spec
	for i := range 12 {
		specs = append(specs, spec(fmt.Sprintf("r%02d", i), noImages))
	}
	w := newWorld(t, specs...)
	w.attach(1)
	w.untilReady(1)
	w.wantCount(api.ApplyActivity, "*", len(specs))
}
