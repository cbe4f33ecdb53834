package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/plan"
)

// Resource keeps one resource up to date, one update at a time, until its environment ends it.
func Resource(ctx workflow.Context, in api.ResourceIn) error {
	r := &resource{in: in, s: in.State}
	if r.s == nil {
		now := workflow.Now(ctx)
		// Versions begin above those of a workflow of this name that has ended.
		r.s = &api.ResourceState{Update: api.StatePending, Since: now, Version: now.UnixNano()}
	}
	r.reported = r.s.Version // a run begins when its reports have arrived
	if err := r.listen(ctx); err != nil {
		return err
	}
	return r.run(ctx)
}

// resource is the runner of a resource workflow. Handlers of messages change s; run alone carries out updates.
type resource struct {
	in api.ResourceIn
	s  *api.ResourceState

	signals  signals
	reported int64 // version of the newest report that has arrived
	updating bool
	brief    bool // the update that runs is likely to be over in a moment
	closing  bool // a new run is about to begin
	end      bool // somebody wants it to end
	renew    bool // somebody wants a new run
}

func (r *resource) run(ctx workflow.Context) error {
	workflow.Go(ctx, r.sendReports)
	for {
		if err := workflow.Await(ctx, func() bool { return r.end || r.mayUpdate() || r.renew || tooLong(ctx) }); err != nil {
			return err
		}
		switch {
		case r.end:
			return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
		case r.renew || tooLong(ctx): // before another update is begun: there may always be one
			return r.continueAsNew(ctx)
		default:
			r.updating = true
			r.update(ctx)
			r.updating = false
			r.showPending(ctx)
		}
	}
}

// continueAsNew begins a new run. What is under way to or from other workflows has to arrive before.
func (r *resource) continueAsNew(ctx workflow.Context) error {
	r.closing = true
	arrived := func() bool { return r.reported == r.s.Version && workflow.AllHandlersFinished(ctx) }
	for {
		if err := workflow.Await(ctx, arrived); err != nil {
			return err
		}
		if r.signals.drain(); r.reported == r.s.Version {
			break
		}
	}
	if r.end {
		return nil
	}
	r.in.State = r.s
	return workflow.NewContinueAsNewError(ctx, api.ResourceWorkflow, r.in)
}

// listen sets up everything that reaches the workflow, before anything else runs.
func (r *resource) listen(ctx workflow.Context) error {
	on(&r.signals, ctx, api.WorkerAttachedSignal, r.workerAttached)
	on(&r.signals, ctx, api.ConfigureSignal, r.configure)
	on(&r.signals, ctx, api.FilesChangedSignal, r.filesChanged)
	on(&r.signals, ctx, api.ContainersChangedSignal, r.containersChanged)
	on(&r.signals, ctx, api.TriggerSignal, r.trigger)
	on(&r.signals, ctx, api.DependencyReadySignal, r.dependencyReady)
	on(&r.signals, ctx, api.PauseSignal, func(_ workflow.Context, m api.Pause) { r.s.Paused = r.s.Paused || m.Epoch == r.s.Epoch })
	on(&r.signals, ctx, api.ContinueAsNewSignal, func(workflow.Context, struct{}) { r.renew = true })
	return workflow.SetUpdateHandler(ctx, api.EndUpdate, func(ctx workflow.Context) error {
		r.end = true
		return workflow.Await(ctx, func() bool { return !r.updating })
	})
}

// workerAttached: nothing is known any more until the new worker has looked.
func (r *resource) workerAttached(ctx workflow.Context, m api.WorkerAttached) {
	if m.Epoch <= r.s.Epoch {
		return
	}
	r.s.Epoch, r.s.Paused, r.s.Await, r.s.Unasked, r.s.Runtime = m.Epoch, false, false, false, nil
	r.s.Pending.Seq = 0 // of another worker's journal
	if r.s.Begun {
		r.s.Pending.Files = false // the new one compares everything, and finds out whether that is still so
	}
	if !r.updating {
		r.set(ctx, api.StatePending, "waiting for the Tiltfile")
	}
}

func (r *resource) configure(ctx workflow.Context, m api.Configure) {
	if m.Epoch < r.s.Epoch {
		return // of a worker that has gone
	}
	r.workerAttached(ctx, api.WorkerAttached{Epoch: m.Epoch})
	if changed := r.s.Spec.Digest != m.Spec.Digest; changed || r.s.Configured != m.Epoch {
		r.s.Pending.Deploy, r.s.Pending.Full = true, true
		r.s.Unasked = changed && r.s.Begun && r.s.Configured == m.Epoch
		r.wish(ctx)
	}
	r.s.Stopped = r.s.Stopped && r.s.Configured == m.Epoch || m.Stopped
	r.s.Configured, r.s.Spec, r.s.Waiting, r.s.Adopt, r.s.Await = m.Epoch, m.Spec, m.Waiting, m.Adopt, false
	r.s.Version++ // whoever configures it wants to know how it stands
	r.showPending(ctx)
}

func (r *resource) filesChanged(ctx workflow.Context, m api.FilesChanged) {
	if m.Epoch != r.s.Epoch {
		return // another worker's journal; the new one compares everything anyway
	}
	r.s.Pending.Files, r.s.Pending.Seq, r.s.Await = true, max(m.Seq, r.s.Pending.Seq), false
	r.wish(ctx)
	r.showPending(ctx)
}

// containersChanged: what was to be brought into a container can be, or must be again.
func (r *resource) containersChanged(ctx workflow.Context, m api.ContainersChanged) {
	if m.Epoch != r.s.Epoch {
		return
	}
	r.s.Pending.New, r.s.Await = true, false
	r.wish(ctx)
	r.showPending(ctx)
}

// trigger does what is pending, also what has failed; if nothing is, it does everything anew, as in Tilt.
func (r *resource) trigger(ctx workflow.Context, _ api.Trigger) {
	r.s.Pending.Asked = true
	if r.s.Begun && r.s.Update != api.StateError && !r.s.Unasked && !(r.s.Pending.Files && r.manual()) {
		r.s.Pending.Anew = true
	}
	r.wish(ctx)
	r.showPending(ctx)
}

// wish: what comes after an update that failed is worth another one.
func (r *resource) wish(ctx workflow.Context) {
	if r.s.Update == api.StateError {
		r.set(ctx, api.StatePending, "")
	}
}

func (r *resource) dependencyReady(ctx workflow.Context, m api.DependencyReady) {
	r.s.Waiting = slices.DeleteFunc(r.s.Waiting, func(name string) bool { return slices.Contains(m.Resources, name) })
	r.showPending(ctx)
}

// mayUpdate is true if there is something to do and nothing to wait for. What an update that failed has left undone waits
// until something else is wanted.
func (r *resource) mayUpdate() bool {
	return r.s.Pending.Any() && r.s.Update != api.StateError && r.configured() && !r.s.Paused && !r.blocked() && !r.held()
}

// configured is true once the newest worker's evaluation of the Tiltfile has reached this resource.
func (r *resource) configured() bool { return r.s.Configured != 0 && r.s.Configured == r.s.Epoch }

// blocked is true while a dependency has not been ready. Only the first update waits for that, and the first one of a server
// that was stopped along with those that it depends on.
func (r *resource) blocked() bool { return len(r.s.Waiting) > 0 && (!r.s.Begun || r.s.Stopped) }

// held is true if only somebody's asking starts the next update: by trigger mode and auto_init, as in Tilt.
func (r *resource) held() bool {
	switch {
	case r.s.Pending.Asked, r.s.Pending.New && r.s.Spec.Serve:
		return false
	case !r.s.Begun:
		return !r.s.Spec.AutoInit && (r.manual() || !r.s.Pending.Files)
	default:
		return r.manual() && (r.s.Unasked || r.s.Pending.Files)
	}
}

func (r *resource) manual() bool { return r.s.Spec.TriggerMode == plan.TriggerManual }
