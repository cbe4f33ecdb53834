package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/worker"
)

// listedEnvironment is an element of the answer of `envflow ls -o json`. Fields are only ever added, at the end.
type listedEnvironment struct {
	ID        string     `json:"id"`
	Project   string     `json:"project"`
	Path      string     `json:"path"`      // of the Tiltfile
	State     string     `json:"state"`     // running, paused or down
	Worker    workerPart `json:"worker"`    // without one the pid is 0 and the rest empty
	Dashboard string     `json:"dashboard"` // URL; empty while the server does not run
}

// lsCommand is `envflow ls`.
func lsCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:     "ls",
		Usage:    "list the environments of this user",
		Category: groupEnvironments,
		Flags:    []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			stateDir, err := state.Dir(e.LookupEnv)
			if err != nil {
				return err
			}
			all, broken := environment.List(stateDir)
			if broken != nil && all == nil {
				return broken
			}
			if broken != nil {
				fmt.Fprintf(e.Stderr, "Note: %s\n", broken)
			}
			list := make([]listedEnvironment, 0, len(all))
			for _, env := range all {
				listed, err := listed(c.Context, env)
				if err != nil {
					return err
				}
				list = append(list, listed)
			}
			if h, err := e.serverHandle(); err == nil {
				record, ok, err := h.Status(c.Context)
				for i := range list {
					if ok && err == nil {
						list[i].Dashboard = record.Dashboard
					}
				}
			}
			return e.print(c, list, func(w io.Writer) error { return writeList(w, list) })
		},
	}
}

// listed looks at the environment's files only.
func listed(ctx context.Context, env environment.Environment) (listedEnvironment, error) {
	holder, held, err := worker.Holder(env.Folder)
	if err != nil {
		return listedEnvironment{}, fmt.Errorf("look for a worker of %s: %w", env.ID, err)
	}
	out := listedEnvironment{ID: env.ID, Project: env.Project, Path: env.Path, State: api.EnvironmentPaused}
	if held {
		out.State, out.Worker = api.EnvironmentRunning, workerOf(holder)
		return out, nil
	}
	if status, err := lastStatus(ctx, env); err == nil && status.State == api.EnvironmentDown {
		out.State = api.EnvironmentDown
	}
	return out, nil
}

func writeList(w io.Writer, list []listedEnvironment) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "There is no environment yet: run `envflow up` in a folder with a Tiltfile.")
		return err
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "ID\tSTATE\tWORKER\tTILTFILE")
	for _, env := range list {
		process := "-"
		if env.Worker.PID > 0 {
			process = fmt.Sprintf("process %d", env.Worker.PID)
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\n", env.ID, env.State, process, env.Path)
	}
	return columns.Flush()
}
