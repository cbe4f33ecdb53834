package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/api"
)

// watchInterval is how often --watch and a view of another's `up` look again.
const watchInterval = 500 * time.Millisecond

// statusDocument is the answer of `envflow status -o json`. Scripts read it: fields are only ever added, at the end.
type statusDocument struct {
	Environment string           `json:"environment"`
	State       string           `json:"state"` // running, paused or down
	Worker      workerPart       `json:"worker"`
	Server      serverPart       `json:"server"`
	Resources   []resourceStatus `json:"resources"`         // in the order of the Tiltfile
	Error       string           `json:"error,omitempty"`   // why the Tiltfile could not be evaluated
	NotRun      []string         `json:"not_run,omitempty"` // what this version cannot run, beside resources
}

// workerPart is the worker of an environment. Without one the pid is 0 and the rest empty.
type workerPart struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
	Started string `json:"started"` // RFC 3339
}

// serverPart is the Temporal that is used. Without one all is empty; one of the user's own has an address only.
type serverPart struct {
	Address string `json:"address"` // host:port of the frontend
	UI      string `json:"ui"`      // base URL of the Temporal UI
	PID     int    `json:"pid"`
}

type resourceStatus struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`    // k8s
	Update     string          `json:"update"`  // none, pending, in_progress, ok or error
	Runtime    string          `json:"runtime"` // none, pending, ok or error
	Ready      bool            `json:"ready"`
	Endpoints  []string        `json:"endpoints"`   // URLs
	LastUpdate *api.LastUpdate `json:"last_update"` // the newest that finished; null if none did
	Reason     string          `json:"reason"`      // why it is not ready; the whole error of an update that failed
}

// documentOf turns a glance into the answer of `envflow status -o json`.
func documentOf(id string, g glance) statusDocument {
	d := statusDocument{Environment: id, State: g.State(), Server: g.Server, Resources: []resourceStatus{}, Error: tiltfileError(g), NotRun: g.Status.NotRun}
	if g.Held {
		d.Worker = workerOf(g.Holder)
	}
	for _, r := range g.Status.Resources {
		out := resourceStatus{
			Name: r.Name, Type: r.Type, Update: r.Update, Runtime: r.Runtime, Ready: r.Ready && g.Live,
			Endpoints: append([]string{}, r.Endpoints...), LastUpdate: r.Last, Reason: r.Reason,
		}
		if text := g.Errors[r.Name]; r.Update == api.StateError && text != "" {
			out.Reason = text
		}
		if !g.Live {
			out.Reason = g.whyNotLive()
		}
		d.Resources = append(d.Resources, out)
	}
	return d
}

func workerOf(w api.Worker) workerPart {
	part := workerPart{PID: w.PID, Version: w.Version}
	if !w.Started.IsZero() {
		part.Started = w.Started.Format(time.RFC3339)
	}
	return part
}

// tiltfileError is the whole error of the last evaluation, "" if that went well.
func tiltfileError(g glance) string {
	if g.Status.Error == "" {
		return ""
	}
	return cmp.Or(g.Errors[api.TiltfileName], g.Status.Error)
}

// whyNotLive says why what a glance shows is no more than the last that was recorded.
func (g glance) whyNotLive() string {
	switch {
	case errors.Is(g.Silent, errStarting):
		return errStarting.Error()
	case g.Held && g.Silent != nil:
		return "the worker does not answer"
	case g.State() == api.EnvironmentDown:
		return "down"
	case g.Gone != "":
		return g.Gone
	case g.Since.IsZero():
		return "paused, no worker"
	}
	return "paused, no worker since " + clockTime(g.Since, time.Now())
}

// clockTime is a moment for a person, who needs the date only of another day.
func clockTime(at, now time.Time) string {
	at, now = at.Local(), now.Local()
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format("15:04")
	}
	return at.Format("2006-01-02 15:04")
}

// statusCommand is `envflow status`.
func statusCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:     "status",
		Usage:    "print how an environment and its resources stand",
		Category: groupEnvironments,
		Description: "While a worker is there it is asked. Without one the last known state is printed, with nothing ready. " +
			"It starts nothing.",
		Flags: environmentFlags(outputFlag(), &cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "go on printing as it changes"}),
		Action: func(c *cli.Context) error {
			env, err := e.knownEnvironment(c)
			if err != nil {
				return err
			}
			l := &looker{e: e, c: c, env: env}
			defer l.close()
			if c.Bool("watch") {
				return e.watchStatus(c.Context, c, l)
			}
			g, err := l.look(c.Context)
			if err != nil {
				return err
			}
			if g.Silent != nil {
				fmt.Fprintf(e.Stderr, "Note: %s; this is what was known last\n", message(g.Silent))
			}
			document := documentOf(env.ID, g)
			return e.print(c, document, func(w io.Writer) error {
				return writeGlance(&styledWriter{w, e.style(e.Stdout)}, document, g, time.Now())
			})
		},
	}
}

// writeGlance prints a glance as text.
func writeGlance(w *styledWriter, d statusDocument, g glance, now time.Time) error {
	state := d.State
	switch {
	case g.Held:
		state = fmt.Sprintf("%s (process %d since %s)", d.State, d.Worker.PID, clockTime(g.Holder.Started, now))
	case !g.Since.IsZero():
		state = fmt.Sprintf("%s since %s", d.State, clockTime(g.Since, now))
	}
	if _, err := fmt.Fprintf(w, "%s  %s\n", w.bold(d.Environment), state); err != nil {
		return err
	}
	t := table{Status: g.Status, Errors: g.Errors, Now: now, style: w.style}
	if !g.Live {
		t.Stale = g.whyNotLive()
	}
	for _, line := range t.lines() {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// watchStatus prints how an environment stands until it is interrupted: a table in place on a terminal, a JSON document in
// a line for each change with -o json, else a line for each change.
func (e *environ) watchStatus(outer context.Context, c *cli.Context, l *looker) error {
	out := newStream(e.Stdout)
	if c.String("output") == "json" {
		return watch(outer, l, func(g glance) error { return out.document(documentOf(l.env.ID, g)) })
	}
	ctx, end := context.WithCancel(outer)
	defer end()
	d := e.newDisplay(out)
	shown := d.start(ctx)
	err := watch(ctx, l, func(g glance) error {
		d.show(shownOf(g))
		return out.failed()
	})
	end()
	<-shown
	return err
}

// watch calls fn with how an environment stands until ctx ends, which is how watching ends, or fn fails.
func watch(ctx context.Context, l *looker, fn func(g glance) error) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		g, err := l.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(g); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
