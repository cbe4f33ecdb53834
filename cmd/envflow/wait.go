package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/worker"
)

const (
	// waitInterval is how often `wait` asks.
	waitInterval = 100 * time.Millisecond
	// holderInterval is how often it looks whether the worker is still there.
	holderInterval = time.Second
)

// What `wait` waits for.
const (
	untilReady   = "ready"
	untilUpdated = "updated"
)

// waitCommand is `envflow wait`.
func waitCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "wait",
		Usage:     "wait until resources are ready or updated",
		Category:  groupEnvironments,
		ArgsUsage: "[RESOURCE...]",
		Description: `Without names it waits for all resources that are enabled, but for those that wait to be triggered for the first time. Only what the worker that runs now has compared with its records counts.

"ready" means that nothing has to be updated and everything runs; "updated" that no update is pending or running, whether the last went well or not.

Exits with 1 at once if there is no worker, and at the end of the timeout; there with 3 if nothing was missing but a docker engine or a cluster that answers.

Examples:
  envflow up -d && envflow wait --timeout 2m
  envflow wait --for updated web`,
		Flags: environmentFlags(
			&choiceFlag{
				StringFlag: &cli.StringFlag{Name: "for", Value: untilReady, Usage: "wait until resources are `STATE`: ready or updated"},
				choices:    []string{untilReady, untilUpdated},
			},
			&cli.DurationFlag{Name: "timeout", Value: 10 * time.Minute, Usage: "give up after `TIME`"},
		),
		BashComplete: completeResources(e),
		Action: func(c *cli.Context) error {
			env, err := e.knownEnvironment(c)
			if err != nil {
				return err
			}
			if c.Duration("timeout") < 0 {
				return usageFault("", "--timeout is %s, which is less than nothing", c.Duration("timeout"))
			}
			w := &waiter{e: e, c: c, env: env, goal: goal{until: c.String("for"), names: c.Args().Slice()}}
			defer w.close()
			return w.wait(c.Context, c.Duration("timeout"))
		},
	}
}

// goal is what has to be so.
type goal struct {
	until string   // untilReady or untilUpdated
	names []string // none: all that are enabled
}

// obstacle is why a goal is not reached.
type obstacle struct {
	resource string // "" is the environment
	why      string
	missing  bool // only an engine or a cluster that does not answer
}

// judge returns what stands between a status and the goal, nothing if it is reached. An error means that waiting longer
// will not help.
func (g goal) judge(s api.Status) ([]obstacle, error) {
	switch {
	case s.State != api.EnvironmentRunning:
		return []obstacle{{why: "the worker is starting"}}, nil
	case s.Down != "" && !s.Evaluating:
		return []obstacle{{why: "it could not be taken down: " + s.Down}}, nil
	case !s.Evaluated || s.Evaluating:
		return []obstacle{{why: "the Tiltfile is being evaluated"}}, nil
	case s.Error != "":
		return []obstacle{{why: "the Tiltfile has an error: " + s.Error}}, nil
	}
	known := make(map[string]api.ResourceStatus, len(s.Resources))
	names := make([]string, 0, len(s.Resources))
	for _, r := range s.Resources {
		known[r.Name] = r
		names = append(names, r.Name)
	}
	var left []obstacle
	for _, name := range g.names {
		if name == api.TiltfileName { // it is evaluated
			continue
		}
		r, ok := known[name]
		switch {
		case !ok:
			return nil, unknownResource(name, names)
		case !r.Enabled:
			return nil, fault.New(fault.Failure, "run `envflow up` with its name, or with none", "%s is not enabled", name)
		}
		if why, reached := g.reached(r); !reached {
			left = append(left, why)
		}
	}
	if len(g.names) > 0 {
		return left, nil
	}
	for _, r := range s.Resources {
		if !r.Enabled || notAskedFor(r) {
			continue
		}
		if why, reached := g.reached(r); !reached {
			left = append(left, why)
		}
	}
	return left, nil
}

// notAskedFor reports whether a resource waits to be triggered for the first time (auto_init=False).
func notAskedFor(r api.ResourceStatus) bool {
	return r.Confirmed && r.Update == api.StateNone && !r.Ready && (r.Runtime == api.StateNone || r.Runtime == "")
}

// reached judges one resource.
func (g goal) reached(r api.ResourceStatus) (obstacle, bool) {
	busy := r.Update == api.StatePending || r.Update == api.StateInProgress
	ok := r.Confirmed && !busy
	if g.until == untilReady {
		ok = ok && r.Ready
	}
	if ok {
		return obstacle{}, true
	}
	why := r.Reason
	switch {
	case r.Needs != "":
		why = waitingFor(r)
	case why != "":
	case r.Update == api.StateInProgress:
		why = "it is being updated"
	case r.Update == api.StatePending:
		why = "its update has not begun"
	case !r.Confirmed:
		why = "it has not been compared with its records yet"
	case r.Update == api.StateError:
		why = "its update failed"
	case notAskedFor(r):
		why = "it waits to be triggered"
	default:
		why = "its runtime is " + cmp.Or(r.Runtime, api.StateNone)
	}
	return obstacle{resource: r.Name, why: why, missing: r.Needs != ""}, false
}

// unknownResource returns the error for a name that no resource has.
func unknownResource(name string, known []string) error {
	hint := "run `envflow status` to see them"
	if near := nearest(name, known); len(near) > 0 {
		hint = "did you mean " + orList(near) + "?"
	}
	return usageFault(hint, "there is no resource %q", name)
}

// waiter is one `envflow wait`.
type waiter struct {
	e    *environ
	c    *cli.Context
	env  environment.Environment
	goal goal

	conn   *connection
	holder api.Worker
	looked time.Time // when holder was found
	last   []obstacle
	heard  time.Time // when the worker answered last
}

func (w *waiter) close() {
	if w.conn != nil {
		w.conn.Close()
	}
}

// wait returns nil once the goal is reached.
func (w *waiter) wait(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(waitInterval)
	defer tick.Stop()
	for {
		if time.Since(w.looked) > holderInterval {
			if err := w.needWorker(); err != nil {
				return err
			}
		}
		reached, err := w.ask(ctx)
		if err != nil || reached {
			return err
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			return w.timedOut(timeout)
		}
		return context.Cause(ctx)
	}
}

// needWorker returns an error if no worker is there.
func (w *waiter) needWorker() error {
	holder, held, err := worker.Holder(w.env.Folder)
	if err != nil {
		return fmt.Errorf("look for a worker of %s: %w", w.env.ID, err)
	}
	if held {
		w.holder, w.looked = holder, time.Now()
		return nil
	}
	if comesBack(w.env) {
		w.holder, w.looked = api.Worker{}, time.Now()
		return nil
	}
	return noWorker(w.env)
}

func noWorker(env environment.Environment) error {
	if why := whyGone(env); why != "" {
		return fault.New(fault.Failure, "run `envflow up`, or `envflow up -d` to leave a worker running", "%s has no worker: %s", env.ID, why)
	}
	return fault.New(fault.Failure, "run `envflow up`, or `envflow up -d` to leave a worker running", "%s is paused: it has no worker", env.ID)
}

// ask asks once, and keeps why the goal is not reached.
func (w *waiter) ask(ctx context.Context) (reached bool, err error) {
	if w.conn == nil {
		if w.conn, err = w.e.connectRunning(ctx, w.c); err != nil || w.conn == nil {
			w.conn, w.last = nil, []obstacle{{why: "the envflow server does not answer"}}
			return false, nil //nolint:nilerr // the worker starts it again
		}
	}
	status, err := queryStatus(ctx, w.conn, w.env.ID)
	if err != nil {
		// One that is cut off by the end of the timeout says nothing.
		if time.Since(w.heard) > queryTimeout {
			w.last = []obstacle{{why: "the worker does not answer"}}
		}
		return false, nil
	}
	w.heard = time.Now()
	if !sameWorker(status.Worker, w.holder) { // what the one before has confirmed does not count
		w.last, w.looked = []obstacle{{why: errStarting.Error()}}, time.Time{}
		return false, nil
	}
	w.last, err = w.goal.judge(status)
	return err == nil && len(w.last) == 0, err
}

// timedOut says what was waited for in vain.
func (w *waiter) timedOut(timeout time.Duration) error {
	const few = 10
	kind, hint := fault.Failure, "`envflow status` and `envflow logs` say more"
	if len(w.last) > 0 && !slices.ContainsFunc(w.last, func(o obstacle) bool { return !o.missing }) {
		kind, hint = fault.Missing, "start it: updates go on by themselves then"
	}
	lines := make([]string, 0, few)
	for _, o := range w.last[:min(few, len(w.last))] {
		why := oneLine(o.why)
		if o.resource != "" {
			why = o.resource + ": " + why
		}
		lines = append(lines, "\n  "+why)
	}
	if more := len(w.last) - few; more > 0 {
		lines = append(lines, fmt.Sprintf("\n  and %d more", more))
	}
	return fault.New(kind, hint, "not %s after %s%s", w.goal.until, timeout, strings.Join(lines, ""))
}
