package workflows_test

import (
	"slices"
	"testing"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

// up attaches the first worker and waits until everything is ready.
func (w *world) up() {
	w.t.Helper()
	w.attach(1)
	w.untilReady(1)
}

func TestResource_LiveUpdate(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.up()
	w.sync(api.SyncUpdated)
	w.filesChanged("a", 1, 7)
	w.until("live updated", func(s api.Status) bool {
		r := find(s, "a")
		return r.Ready && r.Last != nil && r.Last.Kind == api.KindLiveUpdate
	})
	w.wantCount(api.BuildImageActivity, "a", 1)
	w.wantCount(api.ApplyActivity, "a", 1)
	if in := w.called(api.SyncActivity, "a")[1].in.(api.SyncIn); in.Seq != 7 || in.Full || in.Check {
		t.Errorf("synced with %+v", in)
	}
}

func TestResource_NothingChangedIsNoUpdate(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.up()
	before := find(w.untilReady(1), "a").Last
	w.filesChanged("a", 1, 1)
	w.untilCount(api.SyncActivity, "a", 2)
	if r := find(w.untilReady(1), "a"); !r.Last.Started.Equal(before.Started) || r.Last.Kind != api.KindBuild {
		t.Errorf("last update is %+v, was %+v", r.Last, before)
	}
	w.wantCount(api.ApplyActivity, "a", 1)
}

func TestResource_UserErrorWaitsForAChange(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.fail(api.BuildImageActivity, "a", failure.User, "does not compile", "")
	w.attach(1)
	if r := w.untilUpdate("a", api.StateError); r.Reason != "does not compile" || r.Ready {
		t.Errorf("a is %+v", r)
	}
	w.wantCount(api.BuildImageActivity, "a", 1)
	w.filesChanged("a", 1, 1)
	w.untilReady(1)
	w.wantCount(api.BuildImageActivity, "a", 2)
	w.wantCount(api.ApplyActivity, "a", 1)
}

// TestResource_OwesWhatFailed: files that change after a failed deployment do not make it a successful one.
func TestResource_OwesWhatFailed(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.upAndRefused()
	w.wantCount(api.ApplyActivity, "a", 2)
	w.filesChanged("a", 1, 3) // in sync
	w.untilReady(1)
	w.wantCount(api.ApplyActivity, "a", 3)
	syncs := w.called(api.SyncActivity, "a")
	if in := syncs[len(syncs)-1].in.(api.SyncIn); !in.Full {
		t.Errorf("synced with %+v", in)
	}
	w.replay()
}

// upAndRefused brings the environment up, and then to another spec of a that cannot be applied.
func (w *world) upAndRefused() {
	w.t.Helper()
	w.up()
	w.fail(api.ApplyActivity, "a", failure.User, "the cluster refuses it", "")
	w.plan(spec("a", another))
	w.configChanged()
	w.untilUpdate("a", api.StateError)
}

func TestResource_TransientFailuresAreRetried(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.fail(api.BuildImageActivity, "a", failure.Transient, "connection reset", "")
	w.up()
	w.wantCount(api.BuildImageActivity, "a", 2)
	w.wantCount(api.SyncActivity, "a", 1)
}

func TestResource_WaitsForInfrastructure(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b"))
	w.fail(api.BuildImageActivity, "a", failure.Infrastructure, "Docker does not answer", failure.Docker)
	wait := w.hold(api.AwaitActivity, failure.Docker, 1)
	w.attach(1)
	w.come("the waiting", wait.entered)
	w.until("what a needs", func(s api.Status) bool {
		r := find(s, "a")
		return r.Update == api.StatePending && r.Needs == failure.Docker && r.Reason == "Docker does not answer" && !r.Confirmed
	})
	w.untilUpdate("b", api.StateOK)
	w.wantCount(api.BuildImageActivity, "a", 1)
	wait.letGo()
	if r := find(w.untilReady(1), "a"); r.Needs != "" {
		t.Errorf("a is %+v", r)
	}
	w.wantCount(api.BuildImageActivity, "a", 2)
	w.replay()
}

func TestResource_AnotherSpecEndsTheWaiting(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.fail(api.BuildImageActivity, "a", failure.Infrastructure, "Docker does not answer", failure.Docker)
	wait := w.hold(api.AwaitActivity, failure.Docker, 1)
	w.attach(1)
	w.come("the waiting", wait.entered)
	w.plan(spec("a", noImages))
	w.configChanged()
	w.come("the end of the waiting", wait.cancelled)
	w.untilReady(1)
}

func TestResource_NewWorkerTakesOver(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b"))
	held := w.hold(api.BuildImageActivity, "a", 1)
	w.attach(1)
	w.come("the build", held.entered)
	w.untilUpdate("b", api.StateOK)
	evaluation := w.hold(api.EvaluateActivity, "", 1)
	again := w.hold(api.BuildImageActivity, "a", 1)
	w.forget()
	w.attach(2)
	w.come("the evaluation", evaluation.entered)
	w.come("the build for the new worker", again.entered)
	w.come("the end of the old build", held.cancelled)
	again.letGo()
	w.untilCount(api.ApplyActivity, "a", 1)
	s, err := w.status()
	if err != nil || s.Evaluated || slices.ContainsFunc(s.Resources, func(r api.ResourceStatus) bool { return r.Confirmed || r.Ready }) {
		t.Errorf("before the Tiltfile was evaluated: %+v, error %v", s, err)
	}
	evaluation.letGo()
	w.untilReady(2)
	w.wantCount(api.BuildImageActivity, "a", 1)
	w.wantCount(api.BuildImageActivity, "b", 0)
	syncs := w.called(api.SyncActivity, "a")
	if len(syncs) != 1 || !syncs[0].in.(api.SyncIn).Full {
		t.Errorf("after the build: %+v", syncs)
	}
	w.replay()
}

// TestResource_AppliesOnce: what is configured while an update runs needs no second deployment if the first was that.
func TestResource_AppliesOnce(t *testing.T) {
	w := newWorld(t, spec("a"))
	held := w.hold(api.BuildImageActivity, "a", 1)
	w.attach(1)
	w.come("the build", held.entered)
	again := w.hold(api.BuildImageActivity, "a", 1)
	w.attach(2)
	w.come("the build for the new worker", again.entered)
	w.until("evaluated", func(s api.Status) bool {
		return s.Evaluated && !s.Evaluating && s.Epoch == 2 && find(s, "a").Update == api.StateInProgress
	})
	w.until("configured", func(api.Status) bool { return w.sentConfigure("a", 2) })
	again.letGo()
	w.untilReady(2)
	w.wantCount(api.BuildImageActivity, "a", 2)
	w.wantCount(api.ApplyActivity, "a", 1)
	w.wantCount(api.SyncActivity, "a", 2) // the new worker has looked at everything
}

func TestResource_NewWorkerFindsNothingToDo(t *testing.T) {
	w := newWorld(t, spec("a"), spec("b", noImages))
	w.up()
	w.forget()
	w.attach(2)
	w.untilReady(2)
	w.wantCount(api.BuildImageActivity, "*", 0)
	w.wantCount(api.SyncActivity, "a", 1)
	w.wantCount(api.ApplyActivity, "*", 2)
	if in := w.called(api.ApplyActivity, "a")[0].in.(api.ApplyIn); in.Recreate {
		t.Errorf("applied with %+v", in)
	}
}

func TestResource_OldJournalsSayNothing(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.up()
	w.attach(2)
	w.untilReady(2)
	w.forget()
	w.filesChanged("a", 1, 1000)
	w.filesChanged("a", 2, 1)
	w.untilCount(api.SyncActivity, "a", 1)
	if in := w.called(api.SyncActivity, "a")[0].in.(api.SyncIn); in.Seq != 1 {
		t.Errorf("synced with %+v", in)
	}
}

func TestResource_WaitsForAContainer(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.up()
	w.sync(api.SyncWaiting)
	w.filesChanged("a", 1, 1)
	w.until("it waits", func(s api.Status) bool {
		r := find(s, "a")
		return r.Update == api.StatePending && r.Reason == "waiting for a container to run" && !r.Confirmed && !r.Ready
	})
	w.sync(api.SyncUpdated)
	w.signal(w.resourceID("a"), api.ContainersChangedSignal, api.ContainersChanged{Epoch: 1})
	w.untilReady(1)
	w.wantCount(api.SyncActivity, "a", 3)
}

// TestResource_ContainerComesWhileItIsLookedFor: the signal that ends the waiting may come before the waiting begins.
func TestResource_ContainerComesWhileItIsLookedFor(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.up()
	held := w.hold(api.SyncActivity, "a", 1)
	held.out = api.SyncOut{Outcome: api.SyncWaiting}
	w.filesChanged("a", 1, 1)
	w.come("the sync", held.entered)
	w.signal(w.resourceID("a"), api.ContainersChangedSignal, api.ContainersChanged{Epoch: 1})
	w.until("the signal is there", func(api.Status) bool { return w.received(api.ContainersChangedSignal) == 1 })
	held.letGo()
	w.untilCount(api.SyncActivity, "a", 3)
	w.untilReady(1)
}

func TestResource_TriggerWhileItWaitsForAContainer(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.up()
	w.sync(api.SyncWaiting)
	w.filesChanged("a", 1, 1)
	w.until("it waits", func(s api.Status) bool { return find(s, "a").Reason == "waiting for a container to run" })
	w.trigger("a")
	w.untilReady(1)
	w.wantCount(api.BuildImageActivity, "a", 2)
}

func TestResource_FilesChangeDuringABuild(t *testing.T) {
	w := newWorld(t, spec("a"))
	held := w.hold(api.BuildImageActivity, "a", 1)
	w.attach(1)
	w.come("the build", held.entered)
	for seq := range int64(5) {
		w.filesChanged("a", 1, seq+1)
	}
	w.until("the signals are there", func(api.Status) bool { return w.received(api.FilesChangedSignal) == 5 })
	w.sync(api.SyncUpdated)
	held.letGo()
	w.untilCount(api.SyncActivity, "a", 2)
	w.untilReady(1)
	w.wantCount(api.SyncActivity, "a", 2)
	if in := w.called(api.SyncActivity, "a")[1].in.(api.SyncIn); in.Seq != 5 {
		t.Errorf("synced with %+v", in)
	}
}

func TestResource_TriggerOnAutoDoesEverythingAnew(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.up()
	w.forget()
	w.trigger("a")
	w.untilCount(api.ApplyActivity, "a", 1)
	w.untilReady(1)
	build, apply := w.called(api.BuildImageActivity, "a"), w.called(api.ApplyActivity, "a")
	if len(build) != 1 || !build[0].in.(api.BuildImageIn).Force || len(apply) != 1 || !apply[0].in.(api.ApplyIn).Recreate {
		t.Errorf("done: %s", w.describe())
	}
}

// TestResource_TriggerAfterAnError tries again what failed; it does not begin from nothing.
func TestResource_TriggerAfterAnError(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.upAndRefused()
	w.forget()
	w.trigger("a")
	w.untilReady(1)
	w.wantCount(api.ApplyActivity, "a", 1)
	w.wantCount(api.BuildImageActivity, "a", 0)
	if in := w.called(api.ApplyActivity, "a")[0].in.(api.ApplyIn); in.Recreate {
		t.Errorf("applied with %+v", in)
	}
}

// TestResource_GivesUpWhatNobodyWants: another spec ends a build that goes by the one before.
func TestResource_GivesUpWhatNobodyWants(t *testing.T) {
	w := newWorld(t, spec("a"))
	held := w.hold(api.BuildImageActivity, "a", 1)
	w.attach(1)
	w.come("the build", held.entered)
	w.plan(spec("a", another))
	w.configChanged()
	w.come("the end of the build", held.cancelled)
	w.untilReady(1)
	build := w.called(api.BuildImageActivity, "a")
	if in := build[len(build)-1].in.(api.BuildImageIn); len(build) != 2 || in.Spec != spec("a", another).Digest {
		t.Errorf("built: %s", w.describe())
	}
	w.wantCount(api.ApplyActivity, "a", 1)
	w.replay()
}

// TestResource_ReportsWhatCanBeSeen: an update that is over in a moment tells the environment once.
func TestResource_ReportsWhatCanBeSeen(t *testing.T) {
	w := newWorld(t, spec("a"))
	w.up()
	before := w.reports()
	w.filesChanged("a", 1, 1)
	w.untilCount(api.SyncActivity, "a", 2)
	w.until("the report", func(api.Status) bool { return w.reports() > before })
	held := w.hold(api.SyncActivity, "a", 1)
	w.filesChanged("a", 1, 2)
	w.come("the sync", held.entered)
	w.untilUpdate("a", api.StateInProgress) // one that lasts does show
	if n := w.reports() - before; n != 2 {
		t.Errorf("%d reports", n)
	}
	held.letGo()
	w.untilReady(1)
}

// TestResource_TriggerModes is the matrix of trigger mode and auto_init.
func TestResource_TriggerModes(t *testing.T) {
	for _, c := range []struct {
		name               string
		change             []func(*api.Spec)
		atStart, atChange  bool // an update runs by itself
		atChangeAfterBegun bool
	}{
		{"auto", nil, true, true, true},
		{"auto with manual init", []func(*api.Spec){noAutoInit}, false, true, true},
		{"manual with auto init", []func(*api.Spec){manual}, true, false, false},
		{"manual", []func(*api.Spec){manual, noAutoInit}, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, spec("a", c.change...))
			w.attach(1)
			if c.atStart {
				w.untilReady(1)
			} else {
				if r := w.untilUpdate("a", api.StateNone); r.Reason != "waits to be triggered" || r.Runtime != api.StateNone {
					t.Errorf("at first: %+v", r)
				}
				w.wantCount(api.SyncActivity, "a", 0)
			}
			syncs := w.count(api.SyncActivity, "a")
			w.filesChanged("a", 1, 1)
			w.until("the change is there", func(api.Status) bool { return w.received(api.FilesChangedSignal) == 1 })
			if c.atChange {
				w.untilCount(api.SyncActivity, "a", syncs+1)
			} else {
				w.until("it waits", func(s api.Status) bool {
					r := find(s, "a")
					return r.Reason == "changed; waits to be triggered" && r.Update == api.StatePending && !r.Confirmed ||
						r.Reason == "waits to be triggered" && r.Update == api.StateNone && !c.atStart
				})
				w.wantCount(api.SyncActivity, "a", syncs)
				w.trigger("a")
				w.untilCount(api.SyncActivity, "a", syncs+1)
			}
			w.untilReady(1)
			for _, build := range w.called(api.BuildImageActivity, "a") {
				if build.in.(api.BuildImageIn).Force {
					t.Errorf("everything was made anew: %s", w.describe())
				}
			}

			w.filesChanged("a", 1, 2)
			w.until("the change is there", func(api.Status) bool { return w.received(api.FilesChangedSignal) == 2 })
			if c.atChangeAfterBegun {
				w.untilCount(api.SyncActivity, "a", syncs+2)
				w.untilReady(1)
				return
			}
			w.untilUpdate("a", api.StatePending)
			w.wantCount(api.SyncActivity, "a", syncs+1)
		})
	}
}

func TestResource_ManualFindsChangesOfAnotherDay(t *testing.T) {
	w := newWorld(t, spec("a", manual))
	w.up()
	w.sync(api.SyncBuild)
	w.attach(2)
	r := w.untilUpdate("a", api.StatePending)
	if r.Ready {
		t.Errorf("a is %+v", r)
	}
	w.until("it waits", func(s api.Status) bool { return find(s, "a").Reason == "changed; waits to be triggered" })
	syncs := w.called(api.SyncActivity, "a")
	if in := syncs[len(syncs)-1].in.(api.SyncIn); !in.Check || !in.Full {
		t.Errorf("looked with %+v", in)
	}
	w.wantCount(api.BuildImageActivity, "a", 1)
	w.sync(api.SyncBuild)
	w.trigger("a")
	w.untilReady(2)
	w.wantCount(api.BuildImageActivity, "a", 2)
	if in := w.called(api.BuildImageActivity, "a")[1].in.(api.BuildImageIn); in.Force {
		t.Errorf("built with %+v", in)
	}
}

func TestResource_ManualShowsWhatChangedDuringAnUpdate(t *testing.T) {
	w := newWorld(t, spec("a", manual))
	held := w.hold(api.BuildImageActivity, "a", 1)
	w.attach(1)
	w.come("the build", held.entered)
	w.filesChanged("a", 1, 1)
	w.until("the signal is there", func(api.Status) bool { return w.received(api.FilesChangedSignal) == 1 })
	held.letGo()
	w.untilCount(api.ApplyActivity, "a", 1)
	w.until("it waits", func(s api.Status) bool {
		r := find(s, "a")
		return r.Reason == "changed; waits to be triggered" && !r.Confirmed && !r.Ready
	})
}

// TestResource_NotRun: what this version cannot run is an error at once, and nothing is tried; other resources go on.
func TestResource_NotRun(t *testing.T) {
	s := spec("a")
	s.NotRun = "Compose services are not run by this version of envflow"
	w := newWorld(t, s, spec("b"))
	w.attach(1)
	if r := w.untilUpdate("a", api.StateError); r.Reason != s.NotRun || r.Ready {
		t.Errorf("a is %+v", r)
	}
	w.until("b is ready", func(s api.Status) bool { return find(s, "b").Ready })
	w.wantCount(api.BuildImageActivity, "a", 0)
	w.wantCount(api.SyncActivity, "a", 0)
	w.wantCount(api.ApplyActivity, "a", 0)
}
