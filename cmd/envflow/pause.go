package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/worker"
)

// goneTimeout is how long a worker that was asked to end may take.
const goneTimeout = 10 * time.Second

// pauseCommand is `envflow pause`.
func pauseCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:     "pause",
		Usage:    "end the worker and the local processes of an environment; the cluster stays as it is",
		Category: groupEnvironments,
		Description: "Running builds are cancelled, applies finish, local processes end, port-forwards close. Nothing is lost: envflow up goes on from there. " +
			"It is the same as ctrl-C in the terminal of envflow up.",
		Flags: environmentFlags(),
		Action: func(c *cli.Context) error {
			env, err := e.knownEnvironment(c)
			if err != nil {
				return err
			}
			holder, held, err := worker.Holder(env.Folder)
			if err != nil {
				return fmt.Errorf("look for a worker of %s: %w", env.ID, err)
			}
			if !held {
				return e.pauseLeftovers(c.Context, env)
			}
			if err := endWorker(c.Context, env, holder); err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.Stdout, "%s is paused.\n", env.ID)
			return err
		},
	}
}

// pauseLeftovers ends what a worker that was killed has left behind: the local processes, and the shim that would start it again.
func (e *environ) pauseLeftovers(ctx context.Context, env environment.Environment) error {
	if err := endIdleShim(ctx, env); err != nil {
		return err
	}
	out, err := worker.StopProcesses(ctx, env.Folder)
	if err != nil {
		return fmt.Errorf("end the local processes of %s: %w", env.ID, err)
	}
	text := fmt.Sprintf("%s has no worker already.", env.ID)
	if out.Processes > 0 {
		text = fmt.Sprintf("%s is paused: it had no worker, and %s.", env.ID, endedText(out.Processes, out.Ending))
	}
	_, err = fmt.Fprintln(e.Stdout, text)
	return err
}

// endedText tells of local processes that were ended.
func endedText(processes, ending int) string {
	text := countNoun(processes, "local process") + " ended"
	if ending > 0 {
		text += fmt.Sprintf(" (%d of them in a moment: until then they may finish what they do)", ending)
	}
	return text
}

// endWorker asks the worker to end, and waits until it has.
func endWorker(ctx context.Context, env environment.Environment, holder api.Worker) error {
	if err := terminateWorker(env, holder); err != nil {
		return err
	}
	gone, err := workerGone(ctx, env, holder, goneTimeout)
	if err != nil || gone {
		return err
	}
	return fault.New(fault.Failure, fmt.Sprintf("if it hangs, kill it: nothing is lost; its log is %s", env.WorkerLog()),
		"the worker of %s (process %d) is still there after %s", env.ID, holder.PID, goneTimeout)
}

// terminateWorker asks the process that holds the environment to end, and no other.
func terminateWorker(env environment.Environment, holder api.Worker) error {
	if here, err := os.Hostname(); err == nil && holder.Host != "" && holder.Host != here {
		return fault.New(fault.Failure, "run `envflow pause` there", "the worker of %s runs on another machine, %s", env.ID, holder.Host)
	}
	process, err := findProcess(holder.PID)
	if err != nil {
		return fault.Wrap(err, fault.Failure, "try again", "the worker of %s (process %d) cannot be reached", env.ID, holder.PID)
	}
	defer func() { _ = process.Release() }()
	// From here on the handle stays with that process. If it still holds the environment, it is the right one.
	again, held, err := worker.Holder(env.Folder)
	switch {
	case err != nil:
		return fmt.Errorf("look for a worker of %s: %w", env.ID, err)
	case !held || !sameWorker(again, holder):
		return nil // it has ended in the meantime
	}
	if err := terminate(process); err != nil {
		return fault.Wrap(err, fault.Failure, "end it yourself: nothing is lost", "the worker of %s (process %d) cannot be asked to end", env.ID, holder.PID)
	}
	return nil
}

// workerGone waits until the worker no longer holds the environment, and reports whether that came to pass.
func workerGone(ctx context.Context, env environment.Environment, holder api.Worker, timeout time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, held, err := worker.Holder(env.Folder)
		if err != nil {
			return false, fmt.Errorf("look for a worker of %s: %w", env.ID, err)
		}
		if !held || !sameWorker(now, holder) {
			return true, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return false, nil
			}
			return false, context.Cause(ctx)
		}
	}
}
