package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

// Environment holds an environment from its first `up` to its `down`: it evaluates the Tiltfile, and starts, configures and
// ends the resources that stand in it.
func Environment(ctx workflow.Context, in api.EnvironmentIn) error {
	e := &environment{in: in, s: in.State, outgoing: map[string][]outgoing{}}
	if e.s == nil {
		e.s = &api.EnvironmentState{}
	}
	if err := e.listen(ctx); err != nil {
		return err
	}
	return e.run(ctx)
}

// environment is the runner of an environment workflow. Handlers of messages change s and the fields below; run alone
// evaluates, ends resources and takes down.
type environment struct {
	in api.EnvironmentIn
	s  *api.EnvironmentState

	signals    signals
	sending    int                   // signals to resources that have not arrived
	outgoing   map[string][]outgoing // they wait here, by resource, while one before them is under way
	evaluating bool
	swept      int64 // epoch in which resources of no entry were ended
	renew      bool  // somebody wants a new run

	down    *api.DownIn // somebody wants the end
	downOut api.DownOut
	downErr error
	isDown  bool
}

func (e *environment) run(ctx workflow.Context) error {
	for {
		err := workflow.Await(ctx, func() bool {
			return e.down != nil || e.attached() && (e.s.Dirty || len(e.s.Leaving) > 0) || e.renew || tooLong(ctx)
		})
		if err != nil {
			return err
		}
		switch {
		case e.down != nil:
			if e.downErr = e.takeDown(ctx); e.downErr == nil {
				e.isDown = true
				return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
			}
			e.down = nil
		case e.renew || tooLong(ctx): // before anything else is begun: there may always be something
			if again, err := e.mayContinueAsNew(ctx); err != nil {
				return err
			} else if again {
				e.in.State = e.s
				return workflow.NewContinueAsNewError(ctx, api.EnvironmentWorkflow, e.in)
			}
		case e.s.Dirty:
			e.evaluate(ctx)
			e.sweep(ctx)
		default:
			e.endLeaving(ctx)
		}
	}
}

// attached is true while a worker is there, as far as the workflow knows.
func (e *environment) attached() bool { return e.s.Epoch > 0 && !e.s.Paused }

// mayContinueAsNew waits for what is under way to or from other workflows. It returns false if somebody wants the end
// first, whose handler waits for the loop.
func (e *environment) mayContinueAsNew(ctx workflow.Context) (bool, error) {
	for {
		err := workflow.Await(ctx, func() bool { return e.down != nil || e.sending == 0 && workflow.AllHandlersFinished(ctx) })
		if err != nil || e.down != nil {
			return false, err
		}
		if e.signals.drain(); e.sending == 0 {
			return true, nil
		}
	}
}

// evaluate reads the Tiltfile. If it has an error, what runs goes on as it is.
func (e *environment) evaluate(ctx workflow.Context) {
	e.evaluating = true
	defer func() { e.evaluating = false }()
	e.s.Dirty, e.s.Down = false, ""
	epoch := e.s.Epoch
	calls := caller{ctx: ctx, epoch: e.epoch, dropped: func() bool { return e.s.Dirty || e.s.Paused || e.down != nil }}
	out, err := callEvaluate(calls, api.EvaluateIn{Epoch: epoch, Plan: e.s.Plan, Resources: e.s.Resources})
	switch {
	case errors.Is(err, errDropped):
		e.s.Dirty = true
		return
	case err != nil:
		p := problemOf(err)
		if p.class == failure.Infrastructure {
			e.s.Error = p.summary
			awaitInfrastructure(calls, p.needs)
			e.s.Dirty = true // not before: a wish for another evaluation ends the waiting
			return
		}
		e.s.Error = p.summary
	default:
		e.s.Error, e.s.Warnings, e.s.NotRun, e.s.Plan = "", out.Warnings, out.NotRun, out.Plan
		e.take(out.Specs)
		e.leave(out.Leftover)
	}
	e.s.Evaluated = epoch
	e.startResources(ctx)
	e.configureResources(ctx)
}

// take replaces the entries by those of specs, and keeps what is known of resources that stay.
func (e *environment) take(specs []api.Spec) {
	waiting := map[string][]string{}
	for _, old := range e.s.Entries {
		waiting[old.Spec.Name] = e.waiting(old.Spec)
	}
	entries := make([]api.ResourceEntry, 0, len(specs))
	for _, spec := range specs {
		entry := api.ResourceEntry{Spec: spec}
		if old := e.entry(spec.Name); old != nil {
			entry = *old
			if !sameSpec(old.Spec, spec) {
				entry.Sent = 0
			}
			entry.Spec = spec
		}
		entries = append(entries, entry)
		e.s.Leaving = slices.DeleteFunc(e.s.Leaving, func(name string) bool { return name == spec.Name && spec.Enabled })
	}
	for _, old := range e.s.Entries {
		stays := slices.ContainsFunc(specs, func(s api.Spec) bool { return s.Name == old.Spec.Name && s.Enabled })
		if old.Started && !stays && !slices.Contains(e.s.Leaving, old.Spec.Name) {
			e.s.Leaving = append(e.s.Leaving, old.Spec.Name)
		}
	}
	e.s.Entries = entries
	for i := range e.s.Entries {
		// A dependency that has gone or is not enabled any more is nothing to wait for.
		if entry := &e.s.Entries[i]; !slices.Equal(waiting[entry.Spec.Name], e.waiting(entry.Spec)) {
			entry.Sent = 0
		}
	}
}

// leave has resources end that are not in the Tiltfile, and of which the worker knows objects: nobody deleted them when they
// left, or it did not work.
func (e *environment) leave(names []string) {
	e.s.Undeleted, e.s.Why = nil, ""
	for _, name := range names {
		if !slices.Contains(e.s.Leaving, name) {
			e.s.Leaving = append(e.s.Leaving, name)
		}
	}
}

// endLeaving ends resources that nobody wants any more and deletes their objects.
func (e *environment) endLeaving(ctx workflow.Context) {
	leaving := slices.Clone(e.s.Leaving)
	calls := caller{ctx: ctx, epoch: e.epoch, dropped: func() bool { return e.s.Paused || e.down != nil }}
	err := callEndResources(calls, api.EndResourcesIn{Environment: e.in.Environment, Resources: leaving})
	if err == nil {
		_, err = callDelete(calls, api.DeleteIn{Resources: leaving})
	}
	if err != nil {
		if errors.Is(err, errDropped) {
			return
		}
		if p := problemOf(err); p.class == failure.Infrastructure {
			calls.dropped = func() bool { return e.s.Dirty || e.s.Paused || e.down != nil } // the Tiltfile need not wait
			awaitInfrastructure(calls, p.needs)
			return
		}
		// To try for ever would keep everything else waiting. The next evaluation finds them left over.
		e.s.Undeleted, e.s.Why = leaving, problemOf(err).summary
	}
	e.s.Leaving = slices.DeleteFunc(e.s.Leaving, func(name string) bool { return slices.Contains(leaving, name) })
	for i := range e.s.Entries {
		if entry := &e.s.Entries[i]; slices.Contains(leaving, entry.Spec.Name) {
			*entry = api.ResourceEntry{Spec: entry.Spec}
		}
	}
	// One that came back while it was leaving starts again.
	e.startResources(ctx)
	e.configureResources(ctx)
}

// sweep ends resource workflows of the environment that no entry knows: an older database or a crash may have left some.
func (e *environment) sweep(ctx workflow.Context) {
	if e.swept == e.s.Epoch || !e.current() || e.s.Dirty || e.s.Error != "" || e.down != nil {
		return // without a good evaluation nobody knows which resources there should be
	}
	var keep []string
	for _, entry := range e.s.Entries {
		if entry.Started {
			keep = append(keep, entry.Spec.Name)
		}
	}
	calls := caller{ctx: ctx, epoch: e.epoch, dropped: func() bool { return e.s.Dirty || e.s.Paused || e.down != nil }}
	if callEndResources(calls, api.EndResourcesIn{Environment: e.in.Environment, Sweep: true, Keep: keep}) == nil {
		e.swept = e.s.Epoch
	}
}

// takeDown ends all resources and deletes all objects. If that fails nothing comes back by itself: somebody wanted it gone.
func (e *environment) takeDown(ctx workflow.Context) error {
	// Those it knows are named: a list of what runs may lack what has just been started.
	names := slices.Clone(e.s.Leaving)
	for i := range e.s.Entries {
		if entry := &e.s.Entries[i]; entry.Started && !slices.Contains(names, entry.Spec.Name) {
			names = append(names, entry.Spec.Name)
		}
		e.s.Entries[i] = api.ResourceEntry{Spec: e.s.Entries[i].Spec}
	}
	calls := caller{ctx: ctx, epoch: e.epoch, dropped: func() bool { return false }}
	err := callEndResources(calls, api.EndResourcesIn{Environment: e.in.Environment, Resources: names, Sweep: true})
	if err == nil && e.down.Adopt && !e.evaluated() {
		// What belongs to others is known from the Tiltfile alone.
		_, err = callEvaluate(calls, api.EvaluateIn{Epoch: e.s.Epoch, Plan: e.s.Plan, Resources: e.s.Resources})
	}
	var out api.DeleteOut
	if err == nil {
		out, err = callDelete(calls, api.DeleteIn{DeleteNamespaces: e.down.DeleteNamespaces, Adopt: e.down.Adopt})
	}
	if err != nil {
		// What was about to leave is found left over by the next evaluation.
		e.s.Dirty, e.s.Evaluated, e.s.Leaving, e.s.Down = false, 0, nil, problemOf(err).summary
		return err
	}
	e.downOut = api.DownOut(out)
	return nil
}

func (e *environment) epoch() int64 { return e.s.Epoch }

func (e *environment) entry(name string) *api.ResourceEntry {
	for i := range e.s.Entries {
		if e.s.Entries[i].Spec.Name == name {
			return &e.s.Entries[i]
		}
	}
	return nil
}

// pauseLimit is how long a pause waits for updates that cannot be interrupted.
const pauseLimit = 4 * time.Second
