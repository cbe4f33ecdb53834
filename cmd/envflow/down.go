package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"
	sdkclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/worker"
)

// downCommand is `envflow down`.
func downCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:     "down",
		Usage:    "delete what an environment has in the cluster, and end it",
		Category: groupEnvironments,
		Description: "It deletes what the environment applied, also what is no longer in the Tiltfile, and nothing else. " +
			"Namespaces stay unless asked for. The worker ends; records and logs stay in the state folder.",
		Flags: environmentFlags(
			&cli.BoolFlag{Name: "delete-namespaces", Usage: "delete the namespaces that this environment created too"},
			adoptFlag(),
		),
		Action: func(c *cli.Context) error {
			env, known, err := e.findEnvironment(c)
			if err != nil {
				return err
			}
			in := api.DownIn{DeleteNamespaces: c.Bool("delete-namespaces"), Adopt: c.Bool("adopt")}
			holder, held, err := worker.Holder(env.Folder)
			if err != nil {
				return fmt.Errorf("look for a worker of %s: %w", env.ID, err)
			}
			if held {
				return e.downByWorker(c, env, holder, in)
			}
			if known {
				status, err := lastStatus(c.Context, env)
				if err == nil && status.State == api.EnvironmentDown && !in.Adopt {
					_, err := fmt.Fprintf(e.Stdout, "%s is down already.\n", env.ID)
					return err
				}
			} else if err := e.aim(c, &env, nil, nil); err != nil {
				return err
			}
			return e.downHosted(c, env, in)
		},
	}
}

// downByWorker lets the worker that is there do it, and waits until it has ended.
func (e *environ) downByWorker(c *cli.Context, env environment.Environment, holder api.Worker, in api.DownIn) error {
	conn, err := e.connect(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintf(e.Stderr, "Deleting what %s has in the cluster (by its worker, process %d)...\n", env.ID, holder.PID)
	var out api.DownOut
	err = e.askWorker(c.Context, conn, env, holder, api.DownUpdate, in, &out)
	if errors.Is(err, errWorkerGone) {
		fmt.Fprintf(e.Stderr, "Its worker has ended meanwhile; this process takes over.\n")
		return e.downHosted(c, env, in)
	}
	if err != nil {
		return downFault(interruption(c.Context, err), env)
	}
	gone, err := workerGone(c.Context, env, holder, goneTimeout)
	if err != nil {
		return err
	}
	if !gone {
		fmt.Fprintf(e.Stderr, "Note: its worker (process %d) is still there; its log is %s\n", holder.PID, env.WorkerLog())
	}
	return e.saidDown(env, out)
}

// downHosted is the worker for as long as it takes.
func (e *environ) downHosted(c *cli.Context, env environment.Environment, in api.DownIn) error {
	conn, err := e.connect(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := env.Save(); err != nil {
		return err
	}
	h, err := e.host(c.Context, conn, env, hostOptions{Subcommand: "down", Adopt: in.Adopt})
	if holder, held := holderOf(err); held { // it came between
		return e.downByWorker(c, env, holder, in)
	} else if err != nil {
		return err
	}
	fmt.Fprintf(e.Stderr, "Deleting what %s has in the cluster...\n", env.ID)
	if err := h.attached(c.Context); err != nil {
		_ = h.leave(c.Context) // the other error is the one to tell
		return downFault(err, env)
	}
	out, err := h.Down(c.Context, in)
	if err != nil {
		_ = h.leave(c.Context)
		return downFault(interruption(c.Context, err), env)
	}
	select { // it ends by itself, once it has recorded that the environment is down
	case <-h.ended:
	case <-time.After(leaveTimeout):
		h.end()
		<-h.ended
	}
	return e.saidDown(env, out)
}

func (e *environ) saidDown(env environment.Environment, out api.DownOut) error {
	processes := ""
	if out.Processes > 0 {
		processes = ", " + endedText(out.Processes, out.Ending)
	}
	_, err := fmt.Fprintf(e.Stdout, "%s is down: %s deleted%s.\n", env.ID, countNoun(out.Objects, "object"), processes)
	return err
}

func downFault(err error, env environment.Environment) error {
	if fault.KindOf(err) != fault.Failure {
		return err
	}
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.Type() == string(failure.Infrastructure) {
		return fault.Wrap(err, fault.Missing, "start it, then run `envflow down` again", "%s could not be taken down: %s", env.ID, workflowMessage(err))
	}
	hint := "mend it, then run `envflow down` again; `envflow logs` may say more"
	if _, statErr := os.Stat(env.Path); statErr != nil {
		hint = fmt.Sprintf("mend it, then run `envflow down --env %s` again", env.ID)
	}
	return fault.Wrap(err, fault.Failure, hint, "%s could not be taken down: %s", env.ID, workflowMessage(err))
}

// errWorkerGone says that a worker ended before it had done what it was asked for.
var errWorkerGone = errors.New("the worker has ended")

// askWorker sends an update to the workflow of an environment and waits for its answer for as long as its worker is there.
func (e *environ) askWorker(ctx context.Context, conn *connection, env environment.Environment, holder api.Worker, name string, in, out any) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for {
			gone, err := workerGone(ctx, env, holder, time.Minute)
			switch {
			case err != nil:
				return // ctx has ended, or nobody can tell
			case gone:
				// It may have ended because it has done what it was asked for: the answer is on its way then.
				select {
				case <-time.After(answerLimit):
					cancel(errWorkerGone)
				case <-ctx.Done():
				}
				return
			}
		}
	}()
	err := updateWorkflow(ctx, conn, env.ID, name, in, out)
	if err != nil && errors.Is(context.Cause(ctx), errWorkerGone) {
		return errWorkerGone
	}
	return err
}

// answerLimit is how long an answer may take after the worker that gave it has ended.
const answerLimit = time.Second

// updateWorkflow sends an update to the workflow of an environment and waits for its answer.
func updateWorkflow(ctx context.Context, conn *connection, id, name string, in, out any) error {
	handle, err := conn.UpdateWorkflow(ctx, sdkclient.UpdateWorkflowOptions{
		WorkflowID: api.EnvironmentWorkflowID(id), UpdateName: name, Args: []any{in}, WaitForStage: sdkclient.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return fmt.Errorf("ask for %s: %w", name, err)
	}
	if err := handle.Get(ctx, out); err != nil {
		return fmt.Errorf("wait for %s: %w", name, err)
	}
	return nil
}
