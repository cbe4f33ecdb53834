package worker

import (
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
		return i.host.withUnsent(s), nil
	}
	return answer, err
}

func (h *Host) withUnsent(s api.Status) api.Status {
	s.Evaluating = s.Evaluating || h.outbox.busy(h.workflowID(), api.ConfigChangedSignal)
	for i := range s.Resources {
		r := &s.Resources[i]
		id := api.ResourceWorkflowID(h.o.ID, r.Name)
		if !r.Enabled || !h.outbox.busy(id, api.FilesChangedSignal) && !h.outbox.busy(id, api.ContainersChangedSignal) {
			continue
		}
		r.Confirmed, r.Ready = false, false
		if r.Update == api.StateOK {
			r.Update, r.Reason = api.StatePending, "something changed"
		}
	}
	return s
}
