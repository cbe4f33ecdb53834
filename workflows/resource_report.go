package workflows

import (
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
)

// set changes how the updates of the resource stand.
func (r *resource) set(ctx workflow.Context, update, reason string) {
	if r.s.Update != update {
		r.s.Since = workflow.Now(ctx)
	}
	r.s.Update, r.s.Reason = update, reason
	r.s.Version++
}

// showPending says what an update that does not run waits for.
func (r *resource) showPending(ctx workflow.Context) {
	switch {
	case r.updating || r.s.Update == api.StateError || !r.configured() || !r.s.Pending.Any() && !r.s.Await:
	case r.blocked():
		r.show(ctx, api.StatePending, "waiting for "+strings.Join(r.s.Waiting, ", "))
	case r.held() && !r.s.Begun:
		r.show(ctx, api.StateNone, "waits to be triggered")
	case r.held():
		r.show(ctx, api.StatePending, errUnasked.Error())
	case !r.s.Pending.Any():
		r.show(ctx, api.StatePending, "waiting for a container to run")
	default:
		r.show(ctx, api.StatePending, "")
	}
}

// show is set if that changes anything.
func (r *resource) show(ctx workflow.Context, update, reason string) {
	if r.s.Update != update || r.s.Reason != reason {
		r.set(ctx, update, reason)
	}
}

// sendReports tells the environment of each change, or of several at once: what counts is the newest.
func (r *resource) sendReports(ctx workflow.Context) {
	environment := api.EnvironmentWorkflowID(r.in.Environment)
	for {
		if workflow.Await(ctx, r.news) != nil {
			return
		}
		if wait := noticeable - workflow.Now(ctx).Sub(r.s.Since); r.atMoment() && wait > 0 {
			if err := awaitWithin(ctx, wait, "report an update that lasts", func() bool { return !r.atMoment() }); err != nil {
				return
			}
			continue
		}
		if r.s.Update != api.StateInProgress { // in the list of workflows, an update that takes a moment is no news
			listing{r.in.Attributes, &r.s.Listed}.show(ctx, r.s.Update)
		}
		report := r.report()
		// The environment may be gone. It asks again when it comes back.
		_ = workflow.SignalExternalWorkflow(ctx, environment, "", api.ResourceReportSignal, report).Get(ctx, nil)
		r.reported = report.Version
	}
}

// noticeable is how long an update takes at least to be worth two signals: that it runs, and that it has ended.
const noticeable = 300 * time.Millisecond

// news is true if there is something to report. What is about to change again is none.
func (r *resource) news() bool {
	return r.reported != r.s.Version && (r.updating || r.closing || !r.mayUpdate())
}

// atMoment is true during what is likely to be over before anybody would see it.
func (r *resource) atMoment() bool { return r.brief && r.s.Update == api.StateInProgress }

func (r *resource) report() api.ResourceReport {
	return api.ResourceReport{
		Resource: r.in.Resource, Version: r.s.Version, Epoch: r.s.Configured, Spec: r.s.Spec.Digest,
		Update: r.s.Update, Reason: r.s.Reason, Needs: r.s.Needs, Since: r.s.Since, Last: r.s.Last, Runtime: r.s.Runtime,
	}
}
