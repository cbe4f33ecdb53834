package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.temporal.io/sdk/temporal"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/worker"
)

// triggerCommand is `envflow trigger`.
func triggerCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "trigger",
		Usage:     "update resources now, whether anything has changed or not",
		Category:  groupEnvironments,
		ArgsUsage: "RESOURCE...",
		Description: `"(Tiltfile)" evaluates the Tiltfile again. With a worker it returns when the update is asked for; without one it is the worker itself until the updates are done, and leaves the environment paused.

Examples:
  envflow trigger web && envflow wait web`,
		Flags:        environmentFlags(),
		BashComplete: completeResources(e),
		Action: func(c *cli.Context) error {
			env, err := e.knownEnvironment(c)
			if err != nil {
				return err
			}
			names := slices.Compact(slices.Sorted(slices.Values(c.Args().Slice())))
			holder, held, err := worker.Holder(env.Folder)
			if err != nil {
				return fmt.Errorf("look for a worker of %s: %w", env.ID, err)
			}
			if held {
				return e.triggerByWorker(c, env, holder, names)
			}
			return e.triggerHosted(c, env, names, time.Now())
		},
	}
}

// triggerByWorker asks the worker that is there.
func (e *environ) triggerByWorker(c *cli.Context, env environment.Environment, holder api.Worker, names []string) error {
	conn, err := e.connect(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	if status, err := queryStatus(c.Context, conn, env.ID); err == nil {
		if err := checkNames(status, names); err != nil {
			return err
		}
	}
	asked := time.Now()
	err = e.askWorker(c.Context, conn, env, holder, api.TriggerUpdate, api.TriggerIn{Resources: names}, nil)
	if errors.Is(err, errWorkerGone) {
		return e.triggerHosted(c, env, names, asked)
	}
	if err != nil {
		return triggerFault(interruption(c.Context, err))
	}
	_, err = fmt.Fprintf(e.Stdout, "Triggered %s.\n", andList(names))
	return err
}

// triggerHosted is the worker until the updates are done. asked is since when they are wanted: the workflow may know of it
// from before.
func (e *environ) triggerHosted(c *cli.Context, env environment.Environment, names []string, asked time.Time) (err error) {
	conn, err := e.connect(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	h, err := e.host(c.Context, conn, env, hostOptions{Subcommand: "up"})
	if holder, held := holderOf(err); held { // it came between
		return e.triggerByWorker(c, env, holder, names)
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.leave(c.Context)) }()
	fmt.Fprintf(e.Stderr, "%s is paused; this is its worker until %s is updated.\n", env.ID, andList(names))
	if err := h.attached(c.Context); err != nil {
		return err
	}
	// The names are known once the Tiltfile is evaluated, and updates that are due anyway come first.
	status, err := h.until(c.Context, conn, env.ID, goal{until: untilUpdated, names: names})
	if err != nil {
		return err
	}
	if updatedSince(status, names, asked) {
		_, err = fmt.Fprintf(e.Stdout, "Updated %s.\n", andList(names))
		return err
	}
	if err := updateWorkflow(c.Context, conn, env.ID, api.TriggerUpdate, api.TriggerIn{Resources: names}, nil); err != nil {
		return triggerFault(interruption(c.Context, err))
	}
	status, err = h.until(c.Context, conn, env.ID, goal{until: untilUpdated, names: names})
	if err != nil {
		return err
	}
	for _, r := range status.Resources {
		if slices.Contains(names, r.Name) && r.Update == api.StateError {
			return fault.New(fault.Failure, "`envflow logs "+r.Name+"` says more", "the update of %s failed: %s", r.Name, oneLine(r.Reason))
		}
	}
	_, err = fmt.Fprintf(e.Stdout, "Updated %s.\n", andList(names))
	return err
}

// updatedSince is true if all of these resources have had a good update since a time.
func updatedSince(s api.Status, names []string, since time.Time) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return !slices.ContainsFunc(s.Resources, func(r api.ResourceStatus) bool {
			return r.Name == name && r.Update == api.StateOK && r.Last != nil && r.Last.Started.After(since)
		})
	})
}

// until waits until the goal is reached, and returns the status in which it was. It asks each time: what was known before
// says nothing of what was asked for since.
func (h *hosting) until(ctx context.Context, conn *connection, id string, g goal) (api.Status, error) {
	tick := time.NewTicker(waitInterval)
	defer tick.Stop()
	for {
		if status, err := queryStatus(ctx, conn, id); err == nil {
			if status.Evaluated && !status.Evaluating && status.Error != "" {
				return status, fault.New(fault.Config, "mend the Tiltfile first", "the Tiltfile has an error: %s", status.Error)
			}
			left, err := g.judge(status)
			if err != nil || len(left) == 0 {
				return status, err
			}
		}
		select {
		case <-tick.C:
		case <-h.ended:
			return api.Status{}, errors.Join(errors.New("the worker has ended"), h.err)
		case <-ctx.Done():
			return api.Status{}, context.Cause(ctx)
		}
	}
}

// checkNames returns the error for a name that is no resource's.
func checkNames(s api.Status, names []string) error {
	if !s.Evaluated || s.Evaluating {
		return nil // they may come yet
	}
	known := make([]string, 0, len(s.Resources))
	for _, r := range s.Resources {
		known = append(known, r.Name)
	}
	for _, name := range names {
		if name != api.TiltfileName && !slices.Contains(known, name) {
			return unknownResource(name, known)
		}
	}
	return nil
}

func triggerFault(err error) error {
	if err == nil || fault.KindOf(err) != fault.Failure {
		return err
	}
	return fault.Wrap(err, fault.Failure, "`envflow status` says how things stand", "nothing was triggered: %s", workflowMessage(err))
}

// workflowMessage is what a workflow gave as the reason of a failure, without what Temporal says around it.
func workflowMessage(err error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return strings.TrimSpace(app.Message())
	}
	return message(err)
}
