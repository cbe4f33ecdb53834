package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
	"github.com/envflow/envflow/internal/supervise"
)

// Run runs the command of a local resource if that is due, and returns when it has ended. One that an earlier worker began is
// waited for, not begun again.
func (a *Activities) Run(ctx context.Context, in api.RunCommandIn) (out api.RunCommandOut, err error) {
	p, r, err := a.Plans.Resource(in.Resource, in.Spec)
	if err != nil {
		return out, err
	}
	c := &command{a: a, plan: p, resource: r, spec: in.Spec, dir: Dir(a.Folder, r.Name, KindCommand)}
	if c.record, _, err = a.Records.Command(ctx, r.Name); err != nil {
		return out, err
	}
	c.record.Resource = r.Name
	if r.Local.Serve == nil && !in.Check { // it may have had one
		if err := supervise.Stop(ctx, Dir(a.Folder, r.Name, KindServer)); err != nil {
			return out, err
		}
	}
	var failed error // the run that an earlier worker began
	if c.record.Running != "" {
		out.Due, err = c.rejoin(ctx)
		if failed = err; err != nil && c.record.Failed == "" {
			return out, err
		}
	}
	inputs, err := a.inputs(ctx, r.Local)
	if err != nil {
		return out, err
	}
	due := c.record.Spec != in.Spec || len(changedSince(&c.record, inputs)) > 0
	switch {
	case in.Check:
		out.Due = out.Due || due || c.record.Failed != ""
		return out, nil
	case due, in.Anew && !out.Due, in.Retry && c.record.Failed != "" && failed == nil:
		out.Due = true
		err = c.run(ctx)
	case failed != nil:
		err = failed
	case c.record.Failed != "":
		err = failure.UserError(nil, "%s", c.record.Failed)
	}
	if err == nil && r.Local.Serve == nil {
		out.Runtime = a.Observe(r.Name)
	}
	return out, err
}

// command is the command of a resource.
type command struct {
	a        *Activities
	plan     *plan.Plan
	resource *plan.Resource
	spec     string
	dir      string // of its shim
	record   records.Command
}

// rejoin waits for a run that an earlier worker began, and records how it went. It returns false if that cannot be known.
func (c *command) rejoin(ctx context.Context) (bool, error) {
	state, err := supervise.Read(c.dir)
	ours := err == nil && state.Digest == c.record.Running && c.record.Spec == c.spec
	if ours && state.Alive() && state.Phase == supervise.PhaseRunning {
		leave, err := c.a.Enter(ctx, c.resource.Name, !c.resource.Local.AllowParallel)
		if err != nil {
			return false, c.interrupted(ctx, err)
		}
		defer leave()
		if state, err = supervise.Await(ctx, c.dir); err != nil {
			return false, c.interrupted(ctx, err)
		}
	}
	if !ours || state.Phase != supervise.PhaseEnded || state.Stopped { // the machine went down, or somebody ended it
		c.record.Running, c.record.Spec = "", ""
		return false, c.a.Records.PutCommand(ctx, c.record)
	}
	return true, c.ended(ctx, state)
}

// run runs the command to its end. Without one, only the server is to be started again.
func (c *command) run(ctx context.Context) error {
	a, l := c.a, c.resource.Local
	if l.Update != nil {
		leave, err := a.Enter(ctx, c.resource.Name, !l.AllowParallel)
		if err != nil {
			return err
		}
		defer leave()
	}
	inputs, err := a.inputs(ctx, l) // again: they may have changed while it waited
	if err != nil {
		return err
	}
	begin(&c.record, c.spec, plan.Digest([]any{c.spec, time.Now().UnixNano()}), inputs)
	if l.Update == nil {
		return c.succeeded(ctx)
	}
	if err := a.Records.PutCommand(ctx, c.record); err != nil {
		return err
	}
	if err := supervise.Stop(ctx, c.dir); err != nil {
		return err
	}
	a.Log(c.resource.Name, activities.SourceBuild, "Running cmd: "+plan.CommandLine(l.Update.Argv))
	spec := supervise.Spec{Dir: c.dir, Argv: l.Update.Argv, Digest: c.record.Running, Grace: seconds(l.StopGrace), Daemons: true}
	err = a.start(ctx, c.resource.Name, spec, c.plan, l.Update)
	if errors.Is(err, supervise.ErrCommand) {
		return c.failed(ctx, err, "the command cannot be started")
	}
	if err != nil {
		return c.interrupted(ctx, err) // it may have been started
	}
	state, err := supervise.Await(ctx, c.dir)
	if err != nil {
		return c.interrupted(ctx, err)
	}
	if state.Phase != supervise.PhaseEnded || state.Stopped {
		return failure.TransientError(nil, "somebody has ended the command")
	}
	return c.ended(ctx, state)
}

// interrupted ends a command that nobody waits for any more. An attempt that another one takes over from leaves it running.
func (c *command) interrupted(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); temporal.IsCanceledError(cause) || errors.Is(cause, context.Canceled) {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
		defer cancel()
		_ = supervise.Stop(ending, c.dir) // its shim sees to the rest
	}
	return err
}

// ended records how the command has gone.
func (c *command) ended(ctx context.Context, state supervise.State) error {
	ctx = context.WithoutCancel(ctx)
	if state.Last != nil && state.Last.Code == 0 {
		return c.succeeded(ctx)
	}
	if state.Last == nil && state.Error != "" {
		return c.failed(ctx, fmt.Errorf("%w: %s", supervise.ErrCommand, state.Error), "the command cannot be started")
	}
	how := state.Last.String()
	text := fmt.Sprintf("%s: %s", how, plan.CommandLine(c.resource.Local.Update.Argv))
	if last := LastLines(c.dir, state.Started); len(last) > 0 {
		text += "\n" + strings.Join(last, "\n")
	}
	return c.failed(ctx, errors.New(text), how)
}

func (c *command) succeeded(ctx context.Context) error {
	c.record.Runs++
	return c.over(ctx)
}

func (c *command) failed(ctx context.Context, err error, summary string) error {
	c.record.Failed = summary
	if err := c.over(ctx); err != nil {
		return err
	}
	return failure.UserError(err, "%s", summary)
}

// over records a run that has ended.
func (c *command) over(ctx context.Context) error {
	inputs, err := c.a.inputs(ctx, c.resource.Local)
	if err != nil {
		return err
	}
	for _, path := range end(&c.record, inputs) {
		c.a.Log(c.resource.Name, activities.SourceBuild, "WARNING: the command changes "+path+" with each run, so a change of it is no reason for another one; name it in ignore=[...]")
	}
	return c.a.Records.PutCommand(ctx, c.record)
}

// toldLines is how many of a failed command's last lines are told.
const toldLines = 15

// LastLines returns the last lines that a command has printed since it was started.
func LastLines(dir string, since time.Time) (lines []string) {
	_, _ = supervise.ReadLines(dir, supervise.Cursor{}, func(l supervise.Line) { // what cannot be read is not told
		if l.Time.Before(since) {
			return
		}
		if lines = append(lines, l.Text); len(lines) > toldLines {
			lines = lines[1:]
		}
	})
	return lines
}
