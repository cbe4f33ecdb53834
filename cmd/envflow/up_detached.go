package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/supervise"
)

// apiKeyVariable hands the key of an external Temporal on, since a command line can be read in the process list.
const apiKeyVariable = "ENVFLOW_TEMPORAL_API_KEY" //nolint:gosec // a name, no key

// hostReport is the one line of JSON that the worker of `up --detach` prints on its standard output, where the command that
// started it reads it.
type hostReport struct {
	Resources int         `json:"resources,omitempty"` // it has evaluated the Tiltfile
	Warnings  int         `json:"warnings,omitempty"`
	NotRun    []string    `json:"not_run,omitempty"`  // as api.Status has it
	Tiltfile  string      `json:"tiltfile,omitempty"` // error of the Tiltfile
	Holder    *api.Worker `json:"holder,omitempty"`   // another process is the worker

	// What kept it from running.
	Kind  fault.Kind `json:"kind,omitempty"`
	Msg   string     `json:"msg,omitempty"`
	Hint  string     `json:"hint,omitempty"`
	Cause string     `json:"cause,omitempty"`
}

// upDetached starts a worker in the background, under a shim, and returns when it has evaluated the Tiltfile.
func (e *environ) upDetached(ctx context.Context, c *cli.Context, conn *connection, env environment.Environment) error {
	started := supervise.End(workerShim(env))
	state, err := e.startShim(ctx, env)
	for tries := 0; errors.Is(err, supervise.ErrHeld) && tries < 5; tries++ {
		// The shim of a worker that has gone: it is about to start another, or has just done so.
		if holder, held, holderErr := lastingHolder(ctx, env.Folder); holderErr == nil && held {
			return e.upHeld(c, env, holder)
		}
		if err := endIdleShim(ctx, env); err != nil {
			return err
		}
		started = supervise.End(workerShim(env))
		state, err = e.startShim(ctx, env)
	}
	if err != nil {
		return err
	}
	r, err := awaitReport(ctx, env, started)
	switch {
	case ctx.Err() != nil:
		_ = supervise.Stop(context.WithoutCancel(ctx), workerShim(env)) // it pauses
		return context.Cause(ctx)
	case err != nil:
		return err
	}
	return e.reported(ctx, conn, env, state.Command.PID, r)
}

// hostedArgs are the words of the command line for the worker of `up --detach` of the environment id. Where that goes has
// been found out and recorded.
func hostedArgs(l *line, id string) []string {
	words := []string{"up", "--hosted", "--env=" + id}
	skip := map[string]bool{
		"detach": true, "file": true, "env": true, "name": true, "context": true, "namespace": true, "temporal-api-key": true,
	}
	for _, s := range l.settings {
		if s.env == "" && !skip[s.name()] {
			words = append(words, dashes(s.name())+"="+s.value)
		}
	}
	words = append(words, l.args...)
	if l.dashed {
		words = append(append(words, "--"), l.rest...)
	}
	return words
}

// reported says how it went.
func (e *environ) reported(ctx context.Context, conn *connection, env environment.Environment, pid int, r hostReport) error {
	switch {
	case r.Holder != nil:
		_, err := fmt.Fprintf(e.Stdout, "%s is up already: its worker is %s.\n", env.ID, holderText(*r.Holder))
		return err
	case r.Msg != "":
		err := fault.New(r.Kind, r.Hint, "%s", r.Msg)
		if r.Cause != "" {
			err.Err = errors.New(r.Cause)
		}
		return err
	}
	text := e.greeting(ctx, conn, env)
	if r.Tiltfile == "" {
		text += fmt.Sprintf("Its worker is process %d. The Tiltfile has %s%s.\n", pid, countNoun(r.Resources, "resource"), withWarnings(r.Warnings))
	}
	for _, objects := range r.NotRun {
		text += e.style(e.Stdout).red("Not run by this version of envflow: "+printable(objects)) + "\n"
	}
	if _, err := io.WriteString(e.Stdout, text); err != nil {
		return fmt.Errorf("write the answer to stdout: %w", err)
	}
	if r.Tiltfile != "" {
		return fault.New(fault.Config, "save a mended Tiltfile and it goes on; the worker stays, `envflow pause` ends it", "%s", r.Tiltfile)
	}
	return nil
}

func withWarnings(n int) string {
	if n == 0 {
		return ""
	}
	return " and " + countNoun(n, "warning") + "; `envflow logs` has them"
}

// upHosted is the worker of `up --detach`. It reports once and then works until it is told to end. What it has reported is no
// failure to the shim, which would start it again.
func (e *environ) upHosted(c *cli.Context, resources, args []string) error {
	first := e.env(supervise.RestartsVariable) == ""
	told := false
	var once sync.Once
	report := func(r hostReport) {
		once.Do(func() {
			told = true
			e.reportHosted(r)
		})
	}
	err := e.workHosted(c.Context, c, resources, args, first, report)
	if holder, held := holderOf(err); held {
		report(hostReport{Holder: &holder})
		return nil
	}
	if err != nil && first && !told {
		report(reportOfError(err))
		return nil
	}
	if err != nil && c.Context.Err() != nil { // it was told to end, and is not to be started again
		fmt.Fprintln(e.Stderr, "Note:", message(err))
		return nil //nolint:nilerr // said above
	}
	return err
}

func (e *environ) workHosted(ctx context.Context, c *cli.Context, resources, args []string, first bool, report func(hostReport)) error {
	env, err := e.knownEnvironment(c) // whoever started us has recorded where it goes
	if err != nil {
		return err
	}
	conn, err := e.connect(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	h, err := e.host(ctx, conn, env, hostOptions{
		Subcommand: "up", SetArgs: first, Resources: resources, Args: args, Adopt: c.Bool("adopt"), Orphan: c.Duration("orphan-timeout"), Shimmed: true,
	})
	if err != nil {
		return err
	}
	watching, end := context.WithCancel(ctx)
	defer end()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		h.Watch(watching, func(s api.Status) {
			if s.Worker.PID == os.Getpid() && s.Evaluated && !s.Evaluating { // and not what the last worker left
				report(e.evaluated(watching, env, s))
				end()
			}
		})
	}()
	select {
	case <-ctx.Done():
	case <-h.ended:
		end()
		<-watched
		return h.err
	}
	end()
	<-watched
	return h.leave(ctx)
}

// evaluated reports how the evaluation went.
func (e *environ) evaluated(ctx context.Context, env environment.Environment, s api.Status) hostReport {
	if s.Error == "" {
		return hostReport{Resources: len(s.Resources), Warnings: s.Warnings, NotRun: s.NotRun}
	}
	if text := lastErrors(ctx, env)[api.TiltfileName]; text != "" {
		return hostReport{Tiltfile: text}
	}
	return hostReport{Tiltfile: s.Error}
}

// reportOfError is the report of a worker that cannot run.
func reportOfError(err error) hostReport {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return hostReport{Msg: "the worker cannot start: " + err.Error()}
	}
	r := hostReport{Kind: f.Kind, Msg: f.Msg, Hint: f.Hint}
	if f.Err != nil {
		r.Cause = f.Err.Error()
	}
	return r
}

// reportHosted prints the one line that the starter waits for.
func (e *environ) reportHosted(r hostReport) {
	if line, err := jsonLine(r); err == nil {
		_, _ = io.WriteString(e.Stdout, line) // nobody is left to hear of an error
	}
}
