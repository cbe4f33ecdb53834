package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/envflow/envflow/internal/agent"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/supervise"
	"github.com/envflow/envflow/worker"
)

// The worker of `up --detach` runs under a shim, which starts it again when it is gone without having been told to end.
var (
	workerBackoff = supervise.Backoff{First: 200 * time.Millisecond, Max: 30 * time.Second, Healthy: time.Minute}
	workerLimit   = supervise.Limit{Restarts: 5, Within: 10 * time.Minute}
)

// lastWords is how many lines are shown of what a worker said that ended before it was ready.
const lastWords = 20

// workerShim is the folder of the shim of an environment's worker.
func workerShim(env environment.Environment) string { return filepath.Join(env.Folder, "worker") }

// startShim starts this program again, as the worker, with the environment of this process.
func (e *environ) startShim(ctx context.Context, env environment.Environment) (supervise.State, error) {
	executable, err := os.Executable()
	if err != nil {
		return supervise.State{}, fmt.Errorf("find the envflow binary: %w", err)
	}
	program, err := agent.Path(filepath.Dir(env.Folder))
	if err != nil {
		return supervise.State{}, err
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = env.Folder // the one of this process is gone
	}
	environ := append(os.Environ(), state.NameVariable+"=envflow")
	if key := e.line.last("temporal-api-key"); key != "" {
		environ = append(environ, apiKeyVariable+"="+key)
	}
	spec := supervise.Spec{
		Dir: workerShim(env), Argv: append([]string{executable}, hostedArgs(e.line, env.ID)...), Grace: goneTimeout,
		Restart: supervise.RestartOnFailure, Backoff: workerBackoff, Limit: workerLimit,
		Alone: true, // the server and the shims of local processes outlive it
	}
	state, err := supervise.Start(ctx, program, spec, environ, dir)
	if err != nil {
		return state, fmt.Errorf("start the worker: %w", err)
	}
	return state, nil
}

// awaitReport returns what the worker has to say once it has evaluated the Tiltfile.
func awaitReport(ctx context.Context, env environment.Environment, from supervise.Cursor) (r hostReport, err error) {
	const every = 10 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	var said []string // by the worker, on stderr
	for told := false; ; {
		state, err := supervise.Read(workerShim(env)) // before its output, so that nothing of one that has ended is missed
		ended := err != nil || state.Phase != supervise.PhaseRunning
		from, err = supervise.ReadLines(workerShim(env), from, func(l supervise.Line) {
			if l.Stream == supervise.Stdout && json.Unmarshal([]byte(l.Text), &r) == nil {
				told = true
			} else {
				said = append(said, "\n  "+l.Text)
			}
		})
		switch {
		case told:
			return r, nil
		case err != nil:
			return r, fmt.Errorf("read the report of the worker: %w", err)
		case ended:
			_ = supervise.Stop(ctx, workerShim(env)) // it would be started again, with nobody to tell
			words := strings.Join(said[max(0, len(said)-lastWords):], "")
			return r, fault.New(fault.Failure, "the log is "+env.WorkerLog(), "the worker ended before it was ready%s", words)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return r, context.Cause(ctx)
		}
	}
}

// endIdleShim ends the shim of a worker that has gone and is about to be started again: this process sees to that.
func endIdleShim(ctx context.Context, env environment.Environment) error {
	state, err := supervise.Read(workerShim(env))
	if err != nil || !state.Alive() {
		return nil //nolint:nilerr // there was none
	}
	if _, held, err := worker.Holder(env.Folder); err != nil || held {
		return nil //nolint:nilerr // its worker is there, or nobody can tell: whoever needs the environment finds out
	}
	if err := supervise.Stop(ctx, workerShim(env)); err != nil {
		return fmt.Errorf("end the shim of the worker that has gone: %w", err)
	}
	return nil
}

// comesBack reports whether the shim of a worker that has gone starts it again.
func comesBack(env environment.Environment) bool {
	state, err := supervise.Read(workerShim(env))
	return err == nil && state.Alive() && !state.Stopped && (state.Phase == supervise.PhaseWaiting || state.Phase == supervise.PhaseRunning)
}

// whyGone says why a worker is gone that nobody has told to end, "" if none is.
func whyGone(env environment.Environment) string {
	state, err := supervise.Read(workerShim(env))
	switch {
	case err != nil || state.Stopped || state.Last == nil:
		return ""
	case state.Phase == supervise.PhaseWaiting && state.Alive():
		return "its worker " + state.Last.String() + " and is started again"
	case state.Phase == supervise.PhaseEnded && state.Error != "":
		return fmt.Sprintf("its worker %s; %s; its log is %s", state.Last.String(), state.Error, env.WorkerLog())
	}
	return ""
}
