package workflows

import (
	"slices"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/plan"
)

// startResources starts the workflows of resources that are wanted. They outlive a run of this one, and are told apart by
// their IDs: one that runs already is ours.
func (e *environment) startResources(ctx workflow.Context) {
	starts := map[string]workflow.ChildWorkflowFuture{}
	for _, entry := range e.s.Entries {
		if entry.Spec.Enabled && !entry.Started && !slices.Contains(e.s.Leaving, entry.Spec.Name) {
			starts[entry.Spec.Name] = e.startResource(ctx, entry.Spec.Name)
		}
	}
	for i := range e.s.Entries {
		entry := &e.s.Entries[i]
		start, ok := starts[entry.Spec.Name]
		if !ok {
			continue
		}
		// Any other error than that it runs already shows when it is sent its spec.
		if start.GetChildWorkflowExecution().Get(ctx, nil) == nil {
			entry.Report = api.ResourceReport{} // of a workflow that has ended
		}
		entry.Started = true
	}
}

func (e *environment) startResource(ctx workflow.Context, name string) workflow.ChildWorkflowFuture {
	options := workflow.ChildWorkflowOptions{
		WorkflowID:            api.ResourceWorkflowID(e.in.Environment, name),
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowTaskTimeout:   api.WorkflowTaskTimeout,
		StaticSummary:         name + " of " + e.in.Project,
	}
	if e.in.Attributes {
		options.TypedSearchAttributes = api.Attributes(e.in.Project, e.in.Environment, e.in.User, name)
	} else {
		options.Memo = map[string]any{api.AttributeEnvironment: e.in.Environment, api.AttributeResource: name}
	}
	return workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, options), api.ResourceWorkflow,
		api.ResourceIn{Environment: e.in.Environment, Resource: name, Attributes: e.in.Attributes})
}

// configureResources gives each resource its spec if it does not have it. While the newest worker has still to evaluate,
// or none is there, that has time until it has: what is configured goes to work.
func (e *environment) configureResources(ctx workflow.Context) {
	if !e.current() {
		return
	}
	for i := range e.s.Entries {
		entry := &e.s.Entries[i]
		if !entry.Started || !entry.Spec.Enabled || entry.Sent == e.s.Epoch {
			continue
		}
		entry.Sent = e.s.Epoch
		e.send(ctx, entry.Spec.Name, api.ConfigureSignal, api.Configure{
			Epoch: e.s.Epoch, Spec: entry.Spec, Waiting: e.waiting(entry.Spec), Adopt: e.s.Adopt, Stopped: e.s.Stopped && entry.Spec.Serve,
		})
	}
}

// current is true while the entries are those of the worker that is there.
func (e *environment) current() bool { return e.attached() && e.evaluated() }

// waiting are the resources that spec depends on and that have not been ready yet.
func (e *environment) waiting(spec api.Spec) (names []string) {
	for _, name := range e.dependencies(spec) {
		if dependency := e.entry(name); dependency != nil && dependency.Spec.Enabled && !dependency.ReadyOnce {
			names = append(names, name)
		}
	}
	return names
}

// dependencies are those of the Tiltfile. Objects that belong to no resource (namespaces, CRDs) come before all others.
func (e *environment) dependencies(spec api.Spec) []string {
	if spec.Type == plan.TypeKubernetes && spec.Name != plan.Uncategorized && !slices.Contains(spec.DependsOn, plan.Uncategorized) {
		if other := e.entry(plan.Uncategorized); other != nil && !slices.Contains(other.Spec.DependsOn, spec.Name) {
			return append(slices.Clone(spec.DependsOn), plan.Uncategorized)
		}
	}
	return spec.DependsOn
}

// forgetServers: servers of the laptop have to be ready again before those that depend on them are started again. What is in the
// cluster has run on.
func (e *environment) forgetServers() {
	for i := range e.s.Entries {
		if entry := &e.s.Entries[i]; entry.Spec.Serve {
			entry.ReadyOnce = false
		}
	}
}

// tellDependents lets resources go on that waited for entry.
func (e *environment) tellDependents(ctx workflow.Context, entry *api.ResourceEntry) {
	if entry.ReadyOnce || !e.ready(entry) && !e.failedFirst(entry) {
		return
	}
	entry.ReadyOnce = true
	for i := range e.s.Entries {
		other := &e.s.Entries[i]
		if other.Started && slices.Contains(e.dependencies(other.Spec), entry.Spec.Name) {
			e.send(ctx, other.Spec.Name, api.DependencyReadySignal, api.DependencyReady{Resources: []string{entry.Spec.Name}})
		}
	}
}

// failedFirst is true of the objects that belong to no resource if they cannot be applied. As in Tilt, others wait until
// that has been tried, not until it succeeds.
func (e *environment) failedFirst(entry *api.ResourceEntry) bool {
	r := entry.Report
	return entry.Spec.Name == plan.Uncategorized && r.Epoch == e.s.Epoch && r.Spec == entry.Spec.Digest && r.Update == api.StateError
}

// outgoing is a signal to a resource.
type outgoing struct {
	signal  string
	message any
}

// send signals a resource's workflow and goes on. The server may deliver two signals that are under way at the same time
// in any order, but a resource has to see them as they were sent: one at a time.
func (e *environment) send(ctx workflow.Context, resource, signal string, message any) {
	waiting, busy := e.outgoing[resource]
	e.outgoing[resource] = append(waiting, outgoing{signal, message})
	e.sending++
	if busy {
		return
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for len(e.outgoing[resource]) > 0 {
			next := e.outgoing[resource][0]
			e.outgoing[resource] = e.outgoing[resource][1:]
			e.deliver(ctx, resource, next)
			e.sending--
		}
		delete(e.outgoing, resource)
	})
}

// deliver returns when the signal has arrived. A workflow that is gone (somebody terminated it) is started again.
func (e *environment) deliver(ctx workflow.Context, resource string, o outgoing) {
	err := workflow.SignalExternalWorkflow(ctx, api.ResourceWorkflowID(e.in.Environment, resource), "", o.signal, o.message).Get(ctx, nil)
	if err == nil || temporal.IsCanceledError(err) {
		return
	}
	entry := e.entry(resource)
	if entry == nil || !entry.Started || o.signal == api.PauseSignal {
		return
	}
	if e.startResource(ctx, resource).GetChildWorkflowExecution().Get(ctx, nil) != nil {
		return
	}
	if entry := e.entry(resource); entry != nil {
		entry.Report, entry.Sent = api.ResourceReport{}, 0
		e.configureResources(ctx)
		if o.signal == api.TriggerSignal { // the others say what the new one learns anyway
			e.send(ctx, resource, o.signal, o.message)
		}
	}
}

// sameSpec is true if a resource that has a need not be given b.
func sameSpec(a, b api.Spec) bool {
	return a.Name == b.Name && a.Type == b.Type && a.Digest == b.Digest && a.TriggerMode == b.TriggerMode &&
		a.AutoInit == b.AutoInit && a.Enabled == b.Enabled && a.Objects == b.Objects && a.Command == b.Command && a.Serve == b.Serve &&
		slices.Equal(a.DependsOn, b.DependsOn) && slices.Equal(a.Images, b.Images)
}
