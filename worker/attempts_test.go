package worker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

func newAttempts() *attempts {
	return &attempts{subject: subject, failed: func(context.Context, any, error) {}, work: map[attemptKey]*work{}}
}

// start begins work for a first attempt, as ExecuteActivity does.
func begin(t *testing.T, a *attempts, key attemptKey, in any, run func(context.Context) (any, error)) *work {
	t.Helper()
	return a.join(key, func() *work { return a.start(t.Context(), key, api.BuildImageActivity, in, run) })
}

var buildIn = api.BuildImageIn{Resource: "web", Image: "web"}

func TestAttempts_AFurtherAttemptJoinsTheWork(t *testing.T) {
	t.Parallel()
	a, key := newAttempts(), attemptKey{"w", "r", "1"}
	var runs atomic.Int32
	release := make(chan struct{})
	run := func(context.Context) (any, error) {
		runs.Add(1)
		<-release
		return "image", nil
	}
	first := begin(t, a, key, buildIn, run)
	a.leave(first, errors.New("the server has timed the attempt out"))
	second := begin(t, a, key, buildIn, run)
	if first != second {
		t.Fatal("the second attempt began anew")
	}
	close(release)
	<-second.ended
	third := begin(t, a, key, buildIn, run) // the server never learned of the result
	<-third.ended
	if third.result != "image" || third.err != nil || runs.Load() != 1 {
		t.Errorf("result %v, error %v after %d runs; want one run for all", third.result, third.err, runs.Load())
	}
}

func TestAttempts_WorkEndsWhenItIsCancelled(t *testing.T) {
	t.Parallel()
	a, key := newAttempts(), attemptKey{"w", "r", "1"}
	w := begin(t, a, key, buildIn, func(ctx context.Context) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	a.leave(w, temporal.NewCanceledError())
	<-w.ended
	if !temporal.IsCanceledError(w.err) {
		t.Errorf("error %v, want that of a cancelled activity", w.err)
	}
}

func TestAttempts_NewWorkSupersedesOldWorkOnTheSame(t *testing.T) {
	t.Parallel()
	a := newAttempts()
	var running atomic.Int32
	run := func(ctx context.Context) (any, error) {
		if running.Add(1) > 1 {
			t.Error("two at a time")
		}
		<-ctx.Done()
		running.Add(-1)
		return nil, ctx.Err()
	}
	old := begin(t, a, attemptKey{"w", "r", "1"}, buildIn, run)
	other := begin(t, a, attemptKey{"w", "r", "2"}, api.BuildImageIn{Resource: "web", Image: "base"}, func(context.Context) (any, error) { return nil, nil })
	newer := begin(t, a, attemptKey{"w", "r", "3"}, buildIn, run)
	<-old.ended
	if !errors.Is(old.err, errSuperseded) {
		t.Errorf("old work ended with %v", old.err)
	}
	<-other.ended
	if other.err != nil {
		t.Errorf("work on something else ended with %v", other.err)
	}
	a.stop()
	<-newer.ended
}

func TestAttempts_AFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	a, key := newAttempts(), attemptKey{"w", "r", "1"}
	var runs atomic.Int32
	run := func(context.Context) (any, error) { return nil, fmt.Errorf("failure %d", runs.Add(1)) }
	for range 2 {
		<-begin(t, a, key, buildIn, run).ended
	}
	if runs.Load() != 2 {
		t.Errorf("%d runs, want a run for each attempt", runs.Load())
	}
}

// What a history gets of an error is its class, its summary and what it needs.
func TestAttempts_TellHistoriesNoMoreThanTheSummary(t *testing.T) {
	t.Parallel()
	secret := errors.New("password=hunter2")
	tests := map[string]struct {
		err            error
		class, summary string
		needs          string
	}{
		"user":           {failure.UserError(secret, "Dockerfile:3: build step failed"), "user", "Dockerfile:3: build step failed", ""},
		"infrastructure": {failure.Missing(secret, failure.Docker, "the engine does not answer"), "infrastructure", "the engine does not answer", "docker"},
		"unclassified":   {secret, "transient", "failed; the log says why", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told error
			a := newAttempts()
			a.failed = func(_ context.Context, _ any, err error) { told = err }
			err := a.fail(t.Context(), buildIn, test.err)
			var app *temporal.ApplicationError
			if !errors.As(err, &app) {
				t.Fatalf("%T %v", err, err)
			}
			var needs string
			if err := app.Details(&needs); err != nil {
				t.Fatal(err)
			}
			if app.Type() != test.class || app.Message() != test.summary || needs != test.needs || app.Unwrap() != nil {
				t.Errorf("type %q, message %q, needs %q, cause %v", app.Type(), app.Message(), needs, app.Unwrap())
			}
			if !errors.Is(told, secret) {
				t.Errorf("the log was told %v, want the whole error", told)
			}
		})
	}
}

// A panic is a failure of one activity, not the end of the worker.
func TestAttempts_SurviveAPanic(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	a := newAttempts()
	env.SetWorkerOptions(workerOptions(a))
	env.RegisterActivityWithOptions(func(context.Context, api.BuildImageIn) error { panic("no") }, activity.RegisterOptions{Name: api.BuildImageActivity})
	_, err := env.ExecuteActivity(api.BuildImageActivity, buildIn)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != string(failure.Transient) {
		t.Errorf("error %v, want a transient one", err)
	}
}

var _ interceptor.WorkerInterceptor = (*attempts)(nil)
