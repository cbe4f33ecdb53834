package workflows

import (
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

// listen sets up everything that reaches the workflow, before anything else runs.
func (e *environment) listen(ctx workflow.Context) error {
	on(&e.signals, ctx, api.ConfigChangedSignal, func(workflow.Context, api.ConfigChanged) {
		e.s.Dirty = e.s.Dirty || e.s.Down == "" // a file that was saved is no wish to have back what should be gone
	})
	on(&e.signals, ctx, api.ResourceReportSignal, e.resourceReport)
	on(&e.signals, ctx, api.RuntimeReportSignal, e.runtimeReports)
	on(&e.signals, ctx, api.ContinueAsNewSignal, func(workflow.Context, struct{}) { e.renew = true })
	if err := workflow.SetQueryHandler(ctx, api.StatusQuery, func() (api.Status, error) { return e.status(), nil }); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandler(ctx, api.AttachUpdate, e.attach); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandler(ctx, api.SetArgsUpdate, e.setArgs); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandler(ctx, api.PauseUpdate, e.pause); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandler(ctx, api.DownUpdate, e.takeDownUpdate); err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, api.TriggerUpdate, e.trigger, workflow.UpdateHandlerOptions{Validator: e.validateTrigger})
}

// attach: a worker is there. What an older one was at is dropped, and everything is looked at again.
func (e *environment) attach(ctx workflow.Context, in api.AttachIn) (api.AttachOut, error) {
	out := api.AttachOut{Known: e.s.Evaluated > 0}
	switch {
	case in.Epoch < e.s.Epoch:
		return out, userError("a newer worker is there")
	case in.Epoch == e.s.Epoch && e.s.Paused:
		return out, userError("this worker has said that it leaves") // resources pause until a newer one comes
	case in.Epoch == e.s.Epoch:
		return out, nil // it asks again
	}
	e.s.Epoch, e.s.Worker, e.s.Paused, e.s.Adopt, e.s.Dirty = in.Epoch, in.Worker, false, in.Adopt, true
	listing{e.in.Attributes, &e.s.Listed}.show(ctx, api.EnvironmentRunning)
	if in.SetArgs {
		e.s.Resources = in.Resources
	}
	if e.s.Stopped = in.Stopped; in.Stopped {
		e.forgetServers()
	}
	for i := range e.s.Entries {
		// One that is at nothing hears of the worker when it is configured.
		if entry := &e.s.Entries[i]; entry.Started && (entry.Report.Update == api.StateInProgress || entry.Report.Update == api.StatePending) {
			e.send(ctx, entry.Spec.Name, api.WorkerAttachedSignal, api.WorkerAttached{Epoch: in.Epoch})
		}
	}
	return out, nil
}

func (e *environment) setArgs(_ workflow.Context, in api.SetArgsIn) error {
	e.s.Resources, e.s.Dirty = in.Resources, true
	return nil
}

// pause waits until nothing is being changed, at most pauseLimit.
func (e *environment) pause(ctx workflow.Context, in api.PauseIn) error {
	if in.Epoch != e.s.Epoch {
		return userError("a newer worker is there")
	}
	e.s.Paused = true
	listing{e.in.Attributes, &e.s.Listed}.show(ctx, api.EnvironmentPaused)
	// Those that are at nothing begin nothing either: what makes them comes from the worker. A signal to them would be
	// handed to the worker while it leaves, and keep the next one waiting.
	for i := range e.s.Entries {
		if entry := &e.s.Entries[i]; entry.Started && e.busy(entry) {
			e.send(ctx, entry.Spec.Name, api.PauseSignal, api.Pause(in))
		}
	}
	stopped := true
	if slices.ContainsFunc(e.s.Entries, func(entry api.ResourceEntry) bool { return entry.Started && (entry.Spec.Command || entry.Spec.Serve) }) {
		stopped = false
		workflow.Go(ctx, func(ctx workflow.Context) {
			calls := caller{ctx: ctx, epoch: func() int64 { return in.Epoch }, dropped: func() bool { return e.s.Epoch != in.Epoch }}
			_, _ = callStop(calls, api.StopIn{}) // the worker looks once more before it ends
			stopped = true
		})
	}
	return awaitWithin(ctx, pauseLimit, "pause, at the latest", func() bool {
		return stopped && e.sending == 0 && !slices.ContainsFunc(e.s.Entries, func(entry api.ResourceEntry) bool {
			return entry.Started && entry.Report.Update == api.StateInProgress
		})
	})
}

// busy is true of a resource that is at something, or may be soon.
func (e *environment) busy(entry *api.ResourceEntry) bool {
	r := entry.Report
	return r.Epoch != e.s.Epoch || r.Spec != entry.Spec.Digest || r.Update == api.StateInProgress || r.Update == api.StatePending
}

// takeDownUpdate answers when everything is gone, or with why not.
func (e *environment) takeDownUpdate(ctx workflow.Context, in api.DownIn) (api.DownOut, error) {
	if e.down == nil {
		e.down, e.downErr = &in, nil
	}
	if err := workflow.Await(ctx, func() bool { return e.isDown || e.down == nil }); err != nil {
		return api.DownOut{}, err
	}
	if e.isDown {
		return e.downOut, nil
	}
	p := problemOf(e.downErr)
	return api.DownOut{}, temporal.NewApplicationError(p.summary, string(p.class), p.needs)
}

func (e *environment) validateTrigger(_ workflow.Context, in api.TriggerIn) error {
	for _, name := range in.Resources {
		if name != api.TiltfileName && e.s.Down != "" && !e.evaluated() && !e.s.Dirty {
			return userError("the environment was taken down, but for what could not be (" + e.s.Down + "); `envflow up` brings it back")
		}
		if entry := e.entry(name); name != api.TiltfileName && (entry == nil || !entry.Spec.Enabled) {
			return userError("there is no resource " + name)
		}
	}
	return nil
}

func (e *environment) trigger(ctx workflow.Context, in api.TriggerIn) error {
	for _, name := range in.Resources {
		if name == api.TiltfileName {
			e.s.Dirty = true
			continue
		}
		if entry := e.entry(name); entry != nil {
			// Until the resource says more, `wait` must not take it for updated.
			entry.Report.Update, entry.Report.Reason = api.StatePending, "triggered"
			e.send(ctx, name, api.TriggerSignal, api.Trigger{})
		}
	}
	return nil
}

// resourceReport keeps the newest report of a resource.
func (e *environment) resourceReport(ctx workflow.Context, m api.ResourceReport) {
	entry := e.entry(m.Resource)
	if entry == nil || m.Version <= entry.Report.Version {
		return
	}
	entry.Report = m
	if m.Runtime != nil {
		e.takeRuntime(entry, m.Epoch, *m.Runtime)
	}
	e.tellDependents(ctx, entry)
}

// runtimeReports keeps the newest that the worker has seen of each resource.
func (e *environment) runtimeReports(ctx workflow.Context, m api.RuntimeReports) {
	for _, runtime := range m.Resources {
		if entry := e.entry(runtime.Resource); entry != nil {
			e.takeRuntime(entry, m.Epoch, runtime)
			e.tellDependents(ctx, entry)
		}
	}
}

func (e *environment) takeRuntime(entry *api.ResourceEntry, epoch int64, runtime api.Runtime) {
	if epoch > entry.RuntimeOf || epoch == entry.RuntimeOf && runtime.Version > entry.Runtime.Version {
		entry.Runtime, entry.RuntimeOf = runtime, epoch
	}
}

func userError(message string) error {
	return temporal.NewNonRetryableApplicationError(message, string(failure.User), nil)
}
