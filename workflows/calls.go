package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

// Each activity is called through one function here, which owns its timeouts and its retry policy.

// heartbeatTimeout is how long a worker may be silent about an activity before the server hands it out again.
const heartbeatTimeout = 10 * time.Second

// retries is how transient failures are tried again: six times in about 15 s.
func retries() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 8 * time.Second, MaximumAttempts: 6,
		NonRetryableErrorTypes: []string{string(failure.User), string(failure.Infrastructure), string(failure.Superseded)},
	}
}

// options are those of an activity that takes at most limit.
func options(limit time.Duration, summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: limit,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         retries(),
		Summary:             summary,
	}
}

func callSelftest(ctx workflow.Context, in api.SelftestIn) (out api.SelftestOut, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Second,
		// A selftest that needs longer has failed: it says whether this machine is all right now.
		ScheduleToCloseTimeout: 20 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2},
		Summary:                "prove that worker and server reach each other",
	})
	return out, workflow.ExecuteActivity(ctx, api.SelftestActivity, in).Get(ctx, &out)
}

func callEvaluate(c caller, in api.EvaluateIn) (out api.EvaluateOut, err error) {
	return out, c.call(options(time.Hour, "evaluate the Tiltfile"), api.EvaluateActivity, in, &out)
}

func callSync(c caller, in api.SyncIn) (out api.SyncOut, err error) {
	return out, c.call(options(time.Hour, "bring files into the containers of "+in.Resource), api.SyncActivity, in, &out)
}

func callBuildImage(c caller, in api.BuildImageIn) (out api.BuildImageOut, err error) {
	return out, c.call(options(6*time.Hour, "build "+in.Image), api.BuildImageActivity, in, &out)
}

func callPushImage(c caller, in api.PushImageIn) error {
	return c.call(options(6*time.Hour, "push "+in.Image.Ref), api.PushImageActivity, in, nil)
}

func callApply(c caller, in api.ApplyIn) (out api.ApplyOut, err error) {
	return out, c.call(options(time.Hour, "apply the objects of "+in.Resource), api.ApplyActivity, in, &out)
}

func callDelete(c caller, in api.DeleteIn) (out api.DeleteOut, err error) {
	return out, c.call(options(time.Hour, "delete objects"), api.DeleteActivity, in, &out)
}

func callRunCommand(c caller, in api.RunCommandIn) (out api.RunCommandOut, err error) {
	return out, c.call(options(24*time.Hour, "run the command of "+in.Resource), api.RunCommandActivity, in, &out)
}

func callServe(c caller, in api.ServeIn) (out api.ServeOut, err error) {
	return out, c.call(options(time.Hour, "keep the server of "+in.Resource+" running"), api.ServeActivity, in, &out)
}

func callStop(c caller, in api.StopIn) (out api.StopOut, err error) {
	return out, c.call(options(time.Minute, "end local processes"), api.StopActivity, in, &out)
}

func callEndResources(c caller, in api.EndResourcesIn) error {
	return c.call(options(time.Hour, "end resource workflows"), api.EndResourcesActivity, in, nil)
}

// callAwait returns once that which is needed answers, however long it takes.
func callAwait(c caller, needs string) error {
	o := options(30*24*time.Hour, "wait for "+needs)
	o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1} // for ever
	return c.call(o, api.AwaitActivity, api.AwaitIn{Needs: needs}, nil)
}

// awaitPause is at least between two tries of what failed for want of infrastructure: that it answers does not mean yet
// that it serves, and a wait that fails at once must not make a workflow spin.
const awaitPause = time.Second

// awaitInfrastructure returns once it is time to try again, or nobody wants that any more.
func awaitInfrastructure(c caller, needs string) {
	began := workflow.Now(c.ctx)
	if err := callAwait(c, needs); errors.Is(err, errDropped) {
		return
	}
	if left := awaitPause - workflow.Now(c.ctx).Sub(began); left > 0 {
		_ = awaitWithin(c.ctx, left, "before the next try", c.dropped) // a workflow that is cancelled sees it at its next step
	}
}

// awaitWithin waits for a condition, at most for limit. workflow.AwaitWithTimeout leaves its timer running, which wakes the
// workflow for nothing later: in the worst case after a kill -9, for a worker that is gone.
func awaitWithin(ctx workflow.Context, limit time.Duration, summary string, condition func() bool) error {
	if condition() {
		return nil
	}
	timing, stop := workflow.WithCancel(ctx)
	defer stop()
	timer := workflow.NewTimerWithOptions(timing, limit, workflow.TimerOptions{Summary: summary})
	return workflow.Await(ctx, func() bool { return timer.IsReady() || condition() })
}

// errDropped is returned by a call that was given up: its answer is of no interest any more.
var errDropped = errors.New("dropped")

// caller calls activities that may have to be given up.
type caller struct {
	ctx     workflow.Context
	epoch   func() int64 // of the newest worker: activities of an older one are called again
	dropped func() bool  // true: the call ends with errDropped
}

// call runs an activity. A worker that has gone leaves its activities running as far as the server knows, until their
// heartbeats have been missed; a newer one makes that known at once, and the activity is scheduled for it.
func (c caller) call(o workflow.ActivityOptions, activity string, in, out any) error {
	for {
		epoch := c.epoch()
		ctx, cancel := workflow.WithCancel(workflow.WithActivityOptions(c.ctx, o))
		future := workflow.ExecuteActivity(ctx, activity, in)
		err := workflow.Await(c.ctx, func() bool { return future.IsReady() || c.dropped() || c.epoch() != epoch })
		switch {
		case err != nil: // the workflow was cancelled
			cancel()
			return err
		case c.epoch() != epoch && !c.dropped():
			cancel()
			continue
		case !future.IsReady():
			cancel()
			return errDropped
		}
		err = future.Get(ctx, out)
		cancel()
		return err
	}
}

// problem is what a workflow makes of an activity's failure.
type problem struct {
	class   failure.Class
	summary string
	needs   string
}

// problemOf reads the error of a call. What is no failure of ours (a timeout, a panic) is transient.
func problemOf(err error) problem {
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return problem{class: failure.Transient, summary: "did not end in time"}
	}
	p := problem{class: failure.Class(app.Type()), summary: app.Message()}
	if app.HasDetails() {
		_ = app.Details(&p.needs) // an error without the detail needs nothing
	}
	if p.class == failure.Infrastructure && p.needs == "" {
		p.class = failure.Transient // nobody could tell when to go on
	}
	return p
}
