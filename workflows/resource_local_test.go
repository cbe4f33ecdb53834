package workflows_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

func (w *world) wantSequence(resource string, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.sequence(resource)); diff != "" {
		w.t.Errorf("steps of %s (-want +got):\n%s\n%s", resource, diff, w.describe())
	}
}

// lastRun is what the command of a resource was asked for last.
func (w *world) lastRun(resource string) api.RunCommandIn {
	w.t.Helper()
	calls := w.called(api.RunCommandActivity, resource)
	if len(calls) == 0 {
		w.t.Fatalf("the command of %s was not asked for\n%s", resource, w.describe())
	}
	return calls[len(calls)-1].in.(api.RunCommandIn) //nolint:forcetypeassert // play has put it there
}

func (w *world) wantLastRun(want api.RunCommandIn) {
	w.t.Helper()
	want.Resource = "a"
	if diff := cmp.Diff(want, w.lastRun("a")); diff != "" {
		w.t.Errorf("the command of a (-want +got):\n%s", diff)
	}
}

func TestLocal_RunsAndThenServes(t *testing.T) {
	w := newWorld(t, local("a"))
	w.slow["a"] = true
	run := w.hold(api.RunCommandActivity, "a", 1)
	w.attach(1)
	w.come("the command", run.entered)
	w.untilUpdate("a", api.StateInProgress)
	w.wantCount(api.ServeActivity, "a", 0)
	run.letGo()
	if r := w.untilUpdate("a", api.StateOK); r.Ready || r.Reason != "starting" || r.Last == nil || r.Last.Kind != api.KindCommand {
		t.Errorf("it runs, and is not ready: %+v", r)
	}
	w.observed("a", api.StateOK)
	w.untilReady(1)
	w.wantSequence("a", api.RunCommandActivity, api.ServeActivity)
	digest := local("a").Digest
	w.wantLastRun(api.RunCommandIn{Spec: digest, Full: true, Retry: true})
	if in := w.called(api.ServeActivity, "a")[0].in; in != (api.ServeIn{Resource: "a", Spec: digest}) {
		t.Errorf("served %+v", in)
	}
	w.replay()
}

func TestLocal_OneOfTheTwo(t *testing.T) {
	w := newWorld(t, local("serves", noCommand), local("runs", noServer))
	w.up()
	w.wantSequence("serves", api.ServeActivity)
	w.wantSequence("runs", api.RunCommandActivity)
	// Asked for, one that serves is started again by a run of no command.
	w.trigger("serves")
	w.untilCount(api.ServeActivity, "serves", 2)
	w.untilReady(1)
	w.wantSequence("serves", api.ServeActivity, api.RunCommandActivity, api.ServeActivity)
	if in := w.lastRun("serves"); !in.Anew {
		t.Errorf("asked for %+v", in)
	}
}

func TestLocal_FilesChange(t *testing.T) {
	w := newWorld(t, local("a"))
	w.up()
	before := find(w.untilReady(1), "a").Last
	w.filesChanged("a", 1, 3)
	w.untilCount(api.ServeActivity, "a", 2)
	if r := find(w.untilReady(1), "a"); !r.Last.Started.Equal(before.Started) {
		t.Errorf("the last update is %+v, was %+v", r.Last, before)
	}
	digest := local("a").Digest
	w.wantLastRun(api.RunCommandIn{Spec: digest, Seq: 3})
	w.edit("a")
	w.filesChanged("a", 1, 4)
	w.until("it has run", func(s api.Status) bool {
		r := find(s, "a")
		return r.Ready && !r.Last.Started.Equal(before.Started) && r.Last.Kind == api.KindCommand
	})
	w.wantLastRun(api.RunCommandIn{Spec: digest, Seq: 4})
	w.wantSequence("a", api.RunCommandActivity, api.ServeActivity, api.RunCommandActivity, api.ServeActivity, api.RunCommandActivity, api.ServeActivity)
}

func TestLocal_TriggerDoesItAnew(t *testing.T) {
	w := newWorld(t, local("a"))
	w.up()
	w.trigger("a")
	w.untilCount(api.ServeActivity, "a", 2)
	w.untilReady(1)
	w.wantLastRun(api.RunCommandIn{Spec: local("a").Digest, Retry: true, Anew: true})
}

func TestLocal_FailsUntilAChange(t *testing.T) {
	w := newWorld(t, local("a"))
	w.fail(api.RunCommandActivity, "a", failure.User, "exited with code 3", "")
	w.attach(1)
	if r := w.untilUpdate("a", api.StateError); r.Reason != "exited with code 3" || r.Ready || r.Last == nil || r.Last.Kind != api.KindCommand {
		t.Errorf("a is %+v", r)
	}
	w.wantSequence("a", api.RunCommandActivity)
	w.filesChanged("a", 1, 1)
	w.untilReady(1)
	w.wantSequence("a", api.RunCommandActivity, api.RunCommandActivity, api.ServeActivity)
}

// TestLocal_TriggerAfterAnError tries again what failed, whether or not something changed.
func TestLocal_TriggerAfterAnError(t *testing.T) {
	w := newWorld(t, local("a"))
	w.up()
	w.fail(api.RunCommandActivity, "a", failure.User, "exited with code 3", "")
	w.filesChanged("a", 1, 1)
	w.untilUpdate("a", api.StateError)
	w.trigger("a")
	w.untilReady(1)
	if in := w.lastRun("a"); !in.Retry || in.Anew || in.Check {
		t.Errorf("asked for %+v", in)
	}
}

func TestLocal_ServerFails(t *testing.T) {
	w := newWorld(t, local("a"))
	w.fail(api.ServeActivity, "a", failure.User, "the server cannot be started", "")
	w.attach(1)
	if r := w.untilUpdate("a", api.StateError); r.Reason != "the server cannot be started" {
		t.Errorf("a is %+v", r)
	}
	w.filesChanged("a", 1, 1)
	w.untilReady(1)
	w.wantSequence("a", api.RunCommandActivity, api.ServeActivity, api.RunCommandActivity, api.ServeActivity)
}

func TestLocal_Manual(t *testing.T) {
	w := newWorld(t, local("a", manual))
	w.up()
	w.edit("a")
	w.filesChanged("a", 1, 1)
	w.until("it waits", func(s api.Status) bool {
		r := find(s, "a")
		return r.Update == api.StatePending && r.Reason == "changed; waits to be triggered" && !r.Ready
	})
	w.wantSequence("a", api.RunCommandActivity, api.ServeActivity)
	w.trigger("a")
	w.untilReady(1)
	digest := local("a", manual).Digest
	w.wantLastRun(api.RunCommandIn{Spec: digest, Seq: 1, Retry: true})
	w.wantSequence("a", api.RunCommandActivity, api.ServeActivity, api.RunCommandActivity, api.ServeActivity)
}

// TestLocal_ManualFindsChangesOfAnotherDay: a new worker looks, and runs nothing that nobody has asked for.
func TestLocal_ManualFindsChangesOfAnotherDay(t *testing.T) {
	w := newWorld(t, local("a", manual))
	w.up()
	w.attach(2)
	w.untilReady(2)
	digest := local("a", manual).Digest
	w.wantLastRun(api.RunCommandIn{Spec: digest, Full: true, Check: true, Retry: true})
	w.wantCount(api.ServeActivity, "a", 2) // what should run does, whoever looks

	w.edit("a")
	w.attach(3)
	w.until("it waits", func(s api.Status) bool {
		r := find(s, "a")
		return s.Epoch == 3 && r.Update == api.StatePending && r.Reason == "changed; waits to be triggered" && !r.Ready
	})
	if in := w.lastRun("a"); !in.Check {
		t.Errorf("looked with %+v", in)
	}
	w.wantCount(api.ServeActivity, "a", 3) // a server that does not run needs no asking
	if calls := w.called(api.ServeActivity, "a"); !calls[len(calls)-1].in.(api.ServeIn).Missing {
		t.Errorf("a server that runs would be replaced")
	}
	w.trigger("a")
	w.untilReady(3)
	if in := w.lastRun("a"); in.Check || in.Anew {
		t.Errorf("ran with %+v", in)
	}
	w.wantCount(api.ServeActivity, "a", 4)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ran["a"] != 2 {
		t.Errorf("it has run %d times", w.ran["a"])
	}
}

// TestLocal_ComesBack: what the worker has lost is started again, in manual mode too.
func TestLocal_ComesBack(t *testing.T) {
	w := newWorld(t, local("a", manual))
	w.up()
	w.signal(w.resourceID("a"), api.ContainersChangedSignal, api.ContainersChanged{Epoch: 1})
	w.untilCount(api.ServeActivity, "a", 2)
	w.untilReady(1)
	if in := w.lastRun("a"); !in.Check || in.Anew || in.Retry { // nobody has asked for more
		t.Errorf("ran with %+v", in)
	}
}

func TestLocal_IsADependency(t *testing.T) {
	w := newWorld(t, spec("a", after("l")), local("l"), local("m", after("a"), noServer))
	w.slow["l"], w.slow["a"] = true, true
	w.attach(1)
	w.untilUpdate("l", api.StateOK)
	w.until("both wait", func(s api.Status) bool {
		return find(s, "a").Reason == "waiting for l" && find(s, "m").Reason == "waiting for a"
	})
	w.wantCount(api.SyncActivity, "a", 0)
	w.observed("l", api.StateOK)
	w.untilUpdate("a", api.StateOK)
	w.wantCount(api.RunCommandActivity, "m", 0)
	w.observed("a", api.StateOK)
	w.untilReady(1)
	w.wantSequence("m", api.RunCommandActivity)
}

func TestLocal_NewWorkerTakesOver(t *testing.T) {
	w := newWorld(t, local("a"))
	held := w.hold(api.RunCommandActivity, "a", 1)
	w.attach(1)
	w.come("the command", held.entered)
	again := w.hold(api.RunCommandActivity, "a", 1)
	w.attach(2)
	w.come("the command for the new worker", again.entered)
	w.come("the end of the old attempt", held.cancelled)
	w.wantCount(api.ServeActivity, "a", 0)
	again.letGo()
	w.untilReady(2)
	w.replay()
}

// TestLocal_GivesUpWhatNobodyWants: another spec ends a command that goes by the one before.
func TestLocal_GivesUpWhatNobodyWants(t *testing.T) {
	w := newWorld(t, local("a"))
	held := w.hold(api.RunCommandActivity, "a", 1)
	w.attach(1)
	w.come("the command", held.entered)
	w.plan(local("a", another))
	w.configChanged()
	w.come("the end of the command", held.cancelled)
	w.untilReady(1)
	if in := w.lastRun("a"); in.Spec != local("a", another).Digest || w.count(api.RunCommandActivity, "a") != 2 {
		t.Errorf("ran: %s", w.describe())
	}
}

func TestLocal_LeavesTheTiltfile(t *testing.T) {
	w := newWorld(t, local("a"), local("b"))
	w.up()
	w.plan(local("b"))
	w.configChanged()
	w.untilCount(api.DeleteActivity, "a", 1)
	w.untilReady(1)
	w.untilEnded(w.resourceID("a"))
}

func TestLocal_PauseEndsProcesses(t *testing.T) {
	w := newWorld(t, spec("k"), local("a"), local("b", noServer))
	held := w.hold(api.RunCommandActivity, "b", 1)
	w.attach(1)
	w.come("the command", held.entered)
	w.untilUpdate("a", api.StateOK)
	if err := w.updateWithin(5*time.Second, api.PauseUpdate, api.PauseIn{Epoch: 1}, nil); err != nil {
		t.Fatal(err)
	}
	w.wantCount(api.StopActivity, "", 1) // before it is answered
	w.come("the end of the command", held.cancelled)
	w.wantCount(api.StopActivity, "*", 1)
	if in := w.called(api.StopActivity, "")[0].in.(api.StopIn); len(in.Resources) != 0 {
		t.Errorf("stopped %+v", in)
	}
	w.attach(2)
	w.untilReady(2)
	w.wantCount(api.StopActivity, "*", 1)
	w.wantCount(api.ServeActivity, "a", 2)
	w.replay()
}

func TestLocal_PauseWithoutAny(t *testing.T) {
	w := newWorld(t, spec("k"), local("a", disabled))
	w.up()
	if err := w.updateWithin(5*time.Second, api.PauseUpdate, api.PauseIn{Epoch: 1}, nil); err != nil {
		t.Fatal(err)
	}
	w.wantCount(api.StopActivity, "*", 0)
}

// TestLocal_PauseThatHangs is answered all the same, and the next worker has nothing to do with it.
func TestLocal_PauseThatHangs(t *testing.T) {
	w := newWorld(t, local("a"))
	w.up()
	held := w.hold(api.StopActivity, "", 1)
	began := time.Now() //nolint:forbidigo // of a test
	if err := w.update(api.PauseUpdate, api.PauseIn{Epoch: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 3*time.Second || took > 8*time.Second { //nolint:forbidigo // of a test
		t.Errorf("answered after %s", took)
	}
	w.come("the ending", held.entered)
	w.attach(2)
	w.come("the end of the ending", held.cancelled)
	w.untilReady(2)
	w.wantCount(api.StopActivity, "*", 1)
	w.replay()
}

func TestLocal_PauseWhereEndingFails(t *testing.T) {
	w := newWorld(t, local("a"))
	w.up()
	w.fail(api.StopActivity, "", failure.User, "cannot", "")
	if err := w.updateWithin(5*time.Second, api.PauseUpdate, api.PauseIn{Epoch: 1}, nil); err != nil {
		t.Error(err)
	}
	w.attach(2)
	w.untilReady(2)
}
