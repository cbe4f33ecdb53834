package worker

import (
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
)

// unsent adds to the status what the workflow cannot know yet: changes that this worker has seen and that are still on
// their way, for long if the server is away. Without it `envflow wait` would find ready what is about to change.
type unsent struct {
	interceptor.WorkerInterceptorBase
	host *Host
}

func (u *unsent) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &unsentInterceptor{host: u.host}
	i.Next = next
	return i
}

type unsentInterceptor struct {
	interceptor.WorkflowInboundInterceptorBase
	host *Host
}

func (i *unsentInterceptor) HandleQuery(ctx workflow.Context, in *interceptor.HandleQueryInput) (any, error) {
	answer, err := i.Next.HandleQuery(ctx, in)
	if s, ok := answer.(api.Status); ok && err == nil {
		return show(i.host.withRetries(i.host.withUnsent(s)), i.host.plans.Now()), nil
	}
	return answer, err
}

// change is one that a workflow was told of.
type change struct {
	seq   int64
	at    time.Time
	built bool // the image that is built, or was and is not applied yet, has it
}

// openLimit is how long a change counts that nobody seems to compare: a workflow that began anew does not know of it.
const openLimit = 10 * time.Second

// isOpen is true if files of the resource have changed that were not compared yet.
func (h *Host) isOpen(resource string) bool {
	h.changed.mu.Lock()
	defer h.changed.mu.Unlock()
	c, ok := h.changed.open[resource]
	return ok && time.Since(c.at) < openLimit
}

// failed is the outcome of an activity that failed.
type failed struct{}

// compared closes the changes that an activity has seen, which began at a time.
func (h *Host) compared(began time.Time, in, out any) {
	_, hasFailed := out.(failed)
	resource := resourceOf(in)
	h.changed.mu.Lock()
	defer h.changed.mu.Unlock()
	c, ok := h.changed.open[resource]
	if !ok {
		return
	}
	noticedSince := func(full bool, seq int64) bool { // it has looked at everything, or as far as the journal went then
		return !hasFailed && (full && !c.at.Before(began) || !full && seq < c.seq)
	}
	inContainers := false
	switch in := in.(type) {
	case api.SyncIn:
		if noticedSince(in.Full, in.Seq) {
			return // the next one looks
		}
		sync, _ := out.(api.SyncOut)
		inContainers = !in.Check && (sync.Outcome == api.SyncInSync || sync.Outcome == api.SyncUpdated)
		c.built = true
	case api.RunCommandIn:
		if noticedSince(in.Full, in.Seq) {
			return
		}
		inContainers = !hasFailed && !in.Check
	case api.BuildImageIn, api.PushImageIn:
		c.built = true
	case api.ApplyIn:
		inContainers = !hasFailed && c.built
	}
	switch {
	case inContainers:
		delete(h.changed.open, resource)
		return
	case hasFailed, resourceWaits(in, out):
		// What has become of it shows once the workflows have told each other, which they do within that time.
		c.at = time.Now().Add(tellLimit - openLimit)
	}
	h.changed.open[resource] = c
}

// tellLimit is how long a resource may take to report what became of an update: workflows.noticeable, and two signals.
const tellLimit = time.Second

// resourceWaits is true if a comparison has found something to do that is not done now.
func resourceWaits(in, out any) bool {
	switch in := in.(type) {
	case api.SyncIn:
		sync, _ := out.(api.SyncOut)
		return in.Check || sync.Outcome == api.SyncWaiting
	case api.RunCommandIn:
		return in.Check
	}
	return false
}

// needs is true if a resource stands on what is watched under that name: an image, or its own deps.
func (h *Host) needs(resource, watched string) bool {
	if name, ok := strings.CutPrefix(watched, localPrefix); ok {
		return name == resource
	}
	p := h.plans.Now()
	if p == nil {
		return false
	}
	r := p.Resource(resource)
	return r != nil && slices.Contains(r.Images, watched)
}

func (h *Host) withUnsent(s api.Status) api.Status {
	watched := h.watcher.Pending()
	s.Evaluating = s.Evaluating || h.outbox.busy(h.workflowID(), api.ConfigChangedSignal) || slices.Contains(watched, api.TiltfileName)
	for i := range s.Resources {
		r := &s.Resources[i]
		id := api.ResourceWorkflowID(h.o.ID, r.Name)
		noticed := slices.ContainsFunc(watched, func(name string) bool { return h.needs(r.Name, name) })
		if !r.Enabled || !noticed && !h.isOpen(r.Name) && !h.outbox.busy(id, api.FilesChangedSignal) && !h.outbox.busy(id, api.ContainersChangedSignal) {
			continue
		}
		r.Confirmed, r.Ready = false, false
		if r.Update == api.StateOK {
			r.Update, r.Reason = api.StatePending, "something changed"
		}
	}
	return s
}
