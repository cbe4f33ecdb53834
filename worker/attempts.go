package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/envflow/envflow/internal/failure"
)

const (
	// heartbeatEvery keeps an activity alive. Temporal's SDK sends fewer.
	heartbeatEvery = time.Second
	// attemptGrace is how long work goes on whose attempt the server has given up, so that the next one can join it. A
	// laptop that sleeps loses every attempt: the server times them out as soon as it wakes.
	attemptGrace = 15 * time.Second
	// supersedeLimit is how long new work waits for the work it supersedes to end.
	supersedeLimit = 5 * time.Second
)

// attempts runs each activity once, however often the server hands it out: a further attempt joins the work that goes on.
// It heartbeats for all of them, and turns their errors into what workflows understand.
type attempts struct {
	interceptor.WorkerInterceptorBase
	subject func(activityType string, in any) string                // what the work changes; work on the same subject is never done twice at a time
	began   func(in any)                                            // is told of each activity that is new
	failed  func(ctx context.Context, in any, err error)            // is told each failure, in full
	done    func(ctx context.Context, began time.Time, in, out any) // is told each success

	mu   sync.Mutex
	work map[attemptKey]*work
}

type attemptKey struct{ workflowID, runID, activityID string }

// work is what one or more attempts wait for.
type work struct {
	subject string
	cancel  context.CancelCauseFunc
	ended   chan struct{}
	result  any
	err     error
	waiting int // attempts
}

func (a *attempts) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &attemptInterceptor{attempts: a}
	i.Next = next
	return i
}

type attemptInterceptor struct {
	interceptor.ActivityInboundInterceptorBase
	attempts *attempts
}

// ExecuteActivity starts the work, or joins it, and waits for its end.
func (i *attemptInterceptor) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	key := attemptKey{info.WorkflowExecution.ID, info.WorkflowExecution.RunID, info.ActivityID}
	w := i.attempts.join(key, func() *work {
		if info.Attempt == 1 && i.attempts.began != nil {
			i.attempts.began(argument(in))
		}
		return i.attempts.start(ctx, key, info.ActivityType.Name, argument(in), func(ctx context.Context) (any, error) { return i.Next.ExecuteActivity(ctx, in) })
	})
	beat := time.NewTicker(heartbeatEvery)
	defer beat.Stop()
	for {
		select {
		case <-w.ended:
			return w.result, w.err
		case <-beat.C:
			activity.RecordHeartbeat(ctx)
		case <-ctx.Done():
			i.attempts.leave(w, context.Cause(ctx))
			return nil, context.Cause(ctx)
		}
	}
}

func (a *attempts) join(key attemptKey, start func() *work) *work {
	a.mu.Lock()
	defer a.mu.Unlock()
	w, ok := a.work[key]
	if !ok {
		w = start()
		a.work[key] = w
	}
	w.waiting++
	return w
}

// start begins work that outlives the attempt. It is called with a.mu held.
func (a *attempts) start(ctx context.Context, key attemptKey, activityType string, in any, run func(context.Context) (any, error)) *work {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	w := &work{subject: a.subject(activityType, in), cancel: cancel, ended: make(chan struct{})}
	var before []*work
	for _, other := range a.work {
		if w.subject != "" && other.subject == w.subject {
			before = append(before, other)
		}
	}
	go func() {
		for _, other := range before {
			a.supersede(other)
		}
		w.result, w.err = a.run(ctx, in, run)
		cancel(nil)
		a.forget(key, w)
		close(w.ended)
	}()
	return w
}

// supersede ends work that nobody needs: its attempt belongs to an older worker's epoch, or to a database that is gone.
func (a *attempts) supersede(w *work) {
	w.cancel(errSuperseded)
	select {
	case <-w.ended:
	case <-time.After(supersedeLimit):
	}
}

var errSuperseded = errors.New("superseded by a newer attempt")

// run calls the activity itself.
func (a *attempts) run(ctx context.Context, in any, run func(context.Context) (any, error)) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = a.fail(ctx, in, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	began := time.Now()
	result, err = run(ctx)
	if err != nil {
		return nil, a.fail(ctx, in, err)
	}
	if a.done != nil {
		a.done(ctx, began, in, result)
	}
	return result, nil
}

// fail tells the whole error here, and returns what may enter a history.
func (a *attempts) fail(ctx context.Context, in any, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return err
	}
	a.failed(ctx, in, err)
	f := failure.Of(err)
	return temporal.NewApplicationError(f.Summary, string(f.Class), f.Needs)
}

// leave ends one attempt. The work ends with the last one: at once if somebody asked for that, else after a grace in which
// the server may hand it out again.
func (a *attempts) leave(w *work, cause error) {
	a.mu.Lock()
	w.waiting--
	last := w.waiting == 0
	a.mu.Unlock()
	if !last {
		return
	}
	if temporal.IsCanceledError(cause) || cause == context.Canceled { //nolint:errorlint // the SDK's own cancellations carry another cause
		w.cancel(cause)
		return
	}
	time.AfterFunc(attemptGrace, func() {
		a.mu.Lock()
		abandoned := w.waiting == 0
		a.mu.Unlock()
		if abandoned {
			w.cancel(cause)
		}
	})
}

// forget keeps a success for a while: should the server not have learned of it, the next attempt does. A failure is tried
// again under the same ID, so it is forgotten at once.
func (a *attempts) forget(key attemptKey, w *work) {
	remove := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.work[key] == w {
			delete(a.work, key)
		}
	}
	if w.err != nil {
		remove()
		return
	}
	time.AfterFunc(attemptGrace, remove)
}

// stop ends all work and waits for that.
func (a *attempts) stop() {
	a.mu.Lock()
	all := make([]*work, 0, len(a.work))
	for _, w := range a.work {
		all = append(all, w)
	}
	a.mu.Unlock()
	for _, w := range all {
		w.cancel(context.Canceled)
	}
	for _, w := range all {
		<-w.ended
	}
}

// argument returns what the activity was called with; each of ours takes one.
func argument(in *interceptor.ExecuteActivityInput) any {
	if len(in.Args) == 0 {
		return nil
	}
	return in.Args[0]
}
