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
	"github.com/envflow/envflow/internal/logstore"
	"github.com/envflow/envflow/worker"
)

// upCommand is `envflow up`.
func upCommand(e *environ) *cli.Command {
	return &cli.Command{
		Name:      "up",
		Usage:     "bring an environment up and keep it in step with the files on disk",
		Category:  groupEnvironments,
		ArgsUsage: "[RESOURCE...] [-- ARG...]",
		Description: `Names choose the resources that are enabled; without any, all are. ` + tiltfileArgs + `

It stays in the foreground and shows how things stand. Ctrl-C pauses: what runs in the cluster stays, and the next envflow up goes on from there; a second ctrl-C ends it at once, which loses nothing either. Where another process is the worker of the environment already, it shows what that does.

With --detach it leaves a worker running in the background, and returns when that has evaluated the Tiltfile. A worker that is killed or crashes is started again, up to 5 times within 10 minutes. Local processes run on meanwhile.

Examples:
  envflow up
  envflow up -d && envflow wait && envflow logs -f web
  envflow up web db -- --profile dev`,
		Flags: environmentFlags(
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "leave a worker running in the background"},
			&cli.StringFlag{Name: "name", Usage: "call the environment `NAME`, so that one Tiltfile can have several"},
			&cli.StringFlag{Name: "context", Usage: "bring it up in the kubeconfig's context `NAME` instead of the current one"},
			&cli.StringFlag{Name: "namespace", Usage: "put objects that name no namespace into `NAME`"},
			adoptFlag(),
			&cli.DurationFlag{Name: "orphan-timeout", Value: orphanTimeout, Usage: "end local processes that have had no worker for `TIME`"},
			&cli.BoolFlag{Name: "hosted", Hidden: true, Usage: "be the worker of up --detach"},
		),
		BashComplete: completeResources(e),
		Action: func(c *cli.Context) error {
			if c.String("env") != "" && c.IsSet("name") {
				return usageFault("give one of them", "--env and --name both name an environment")
			}
			resources, args, _ := splitDash(c)
			if c.Bool("hosted") {
				return e.upHosted(c, resources, args)
			}
			env, known, err := e.findEnvironment(c)
			if err != nil {
				return err
			}
			before := env
			if holder, held, err := lastingHolder(c.Context, env.Folder); known && err == nil && held {
				return e.upHeld(c, env, holder)
			}
			if err := e.aim(c, &env, resources, args); err != nil {
				return err
			}
			if known && before.Context != "" && env.Context != "" && before.Context != env.Context {
				fmt.Fprintf(e.Stderr, "Note: %s was in the context %s before, and what it has there stays; it goes to %s now\n", env.ID, before.Context, env.Context)
			}
			conn, err := e.connect(c)
			if err != nil {
				return err
			}
			defer conn.Close()
			if err := env.Save(); err != nil {
				return err
			}
			if c.Bool("detach") {
				return e.upDetached(c.Context, c, conn, env)
			}
			return e.upForeground(c.Context, c, conn, env, resources, args)
		},
	}
}

// lastingHolder is who holds the environment and goes on to: one that was killed a moment ago has the lock until it is gone.
func lastingHolder(ctx context.Context, folder string) (holder api.Worker, held bool, err error) {
	const looks, every = 5, 100 * time.Millisecond
	for range looks {
		if holder, held, err = worker.Holder(folder); err != nil || !held {
			return holder, held, err
		}
		select {
		case <-ctx.Done():
			return holder, held, context.Cause(ctx)
		case <-time.After(every):
		}
	}
	return holder, held, nil
}

// upHeld is `up` where another process is the worker.
func (e *environ) upHeld(c *cli.Context, env environment.Environment, holder api.Worker) error {
	if err := e.bringBack(c, env, holder); err != nil {
		return err
	}
	if c.Bool("detach") {
		_, err := fmt.Fprintf(e.Stdout, "%s is up already: its worker is %s.\n", env.ID, holderText(holder))
		return err
	}
	fmt.Fprintf(e.Stderr, "%s is up already: its worker is %s. This only shows it, and ctrl-C leaves it alone.\n", env.ID, holderText(holder))
	return e.view(c.Context, c, env)
}

// bringBack has the worker bring up an environment that somebody tried to take down. Any other stays as it is.
func (e *environ) bringBack(c *cli.Context, env environment.Environment, holder api.Worker) error {
	conn, err := e.connect(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	status, err := queryStatus(c.Context, conn, env.ID)
	if err != nil || status.Down == "" {
		return nil // a worker that is about to come, or to go, has nothing to bring back
	}
	fmt.Fprintf(e.Stderr, "It could not be taken down (%s), and comes up again.\n", oneLine(status.Down))
	err = e.askWorker(c.Context, conn, env, holder, api.TriggerUpdate, api.TriggerIn{Resources: []string{api.TiltfileName}}, nil)
	if errors.Is(err, errWorkerGone) {
		return fault.New(fault.Failure, "run `envflow up` again", "the worker of %s has ended just now", env.ID)
	}
	return triggerFault(interruption(c.Context, err))
}

// view shows an environment that another process is the worker of, until that ends or ctrl-C.
func (e *environ) view(outer context.Context, c *cli.Context, env environment.Environment) error {
	defer surviveBrokenPipes()()
	ctx, end := context.WithCancel(outer)
	defer end()
	l := &looker{e: e, c: c, env: env}
	defer l.close()
	out := newStream(e.Stdout)
	d := e.newDisplay(out)
	d.tail = tailLog(env, out)
	done := d.start(ctx)
	wasReady, gone := false, false
	last := glance{}
	err := watch(ctx, l, func(g glance) error {
		last = g
		d.show(shownOf(g))
		wasReady = wasReady || g.Live && isReady(g.Status)
		if gone = !g.Held; gone {
			end()
		}
		return out.failed()
	})
	end()
	<-done
	switch {
	case err != nil:
		return err
	case gone:
		fmt.Fprintf(e.Stderr, "The worker has ended; %s is %s.\n", env.ID, last.State())
		return nil
	case wasReady:
		return nil
	}
	return context.Cause(outer)
}

// isReady reports whether everything that is enabled is ready.
func isReady(s api.Status) bool {
	left, err := goal{until: untilReady}.judge(s)
	return err == nil && len(left) == 0
}

// readyNow asks once: what is shown comes a moment after what is.
func readyNow(ctx context.Context, conn *connection, env environment.Environment) bool {
	s, err := queryStatus(context.WithoutCancel(ctx), conn, env.ID)
	return err == nil && isReady(s)
}

// upForeground is the worker, and shows what it does.
func (e *environ) upForeground(ctx context.Context, c *cli.Context, conn *connection, env environment.Environment, resources, args []string) error {
	defer surviveBrokenPipes()()
	h, err := e.host(ctx, conn, env, hostOptions{
		Subcommand: "up", SetArgs: true, Resources: resources, Args: args, Adopt: c.Bool("adopt"), Orphan: c.Duration("orphan-timeout"),
	})
	if holder, held := holderOf(err); held { // it came between
		return e.upHeld(c, env, holder)
	} else if err != nil {
		return err
	}
	out := newStream(e.Stdout)
	out.put(e.greeting(ctx, conn, env))
	wasReady := false
	show, end := context.WithCancel(ctx)
	defer end()
	d := e.newDisplay(out)
	d.tail = tailLog(env, out)
	done := d.start(show)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		h.Watch(show, func(s api.Status) {
			wasReady = wasReady || s.Worker.PID == os.Getpid() && isReady(s)
			d.show(e.shownNow(show, env, s))
		})
	}()

	select {
	case <-ctx.Done():
	case <-out.broken:
	case <-h.ended:
	}
	end()
	<-watched
	<-done
	wasReady = wasReady || readyNow(ctx, conn, env)
	return e.leaveForeground(ctx, env, h, out, wasReady)
}

// leaveForeground ends `up`: it has been interrupted, the environment is down, stdout is closed, or the worker has failed.
func (e *environ) leaveForeground(ctx context.Context, env environment.Environment, h *hosting, out *stream, wasReady bool) error {
	select {
	case <-h.ended:
		if h.err != nil {
			return h.err
		}
		fmt.Fprintf(e.Stderr, "%s is down.\n", env.ID)
		return nil
	default:
	}
	fmt.Fprintf(e.Stderr, "Pausing %s; ctrl-C ends at once.\n", env.ID)
	if err := h.leave(ctx); err != nil {
		fmt.Fprintf(e.Stderr, "Note: %s\n", message(err))
	} else {
		fmt.Fprintln(e.Stderr, "Paused. `envflow up` goes on from here, `envflow down` deletes it.")
	}
	switch {
	case out.failed() != nil && ctx.Err() == nil:
		return out.failed()
	case wasReady:
		return nil
	}
	return context.Cause(ctx)
}

// greeting names the environment, and says where to look.
func (e *environ) greeting(ctx context.Context, conn *connection, env environment.Environment) string {
	text := fmt.Sprintf("%s  %s\n", e.style(e.Stdout).bold(env.ID), env.Path)
	if conn.embedded == nil {
		return text + fmt.Sprintf("Temporal at %s, namespace %s\n", conn.address, conn.namespace)
	}
	link, err := conn.environmentLink(ctx, env.ID)
	if err != nil {
		return text + "Temporal UI: run `envflow server ui` for a link\n"
	}
	return text + fmt.Sprintf("Temporal UI (the link works once): %s\n", link)
}

// shownNow adds the full texts of errors to a status.
func (e *environ) shownNow(ctx context.Context, env environment.Environment, s api.Status) shown {
	out := shown{Status: s}
	failed := s.Error != ""
	for _, r := range s.Resources {
		failed = failed || r.Update == api.StateError
	}
	if failed {
		out.Errors = lastErrors(ctx, env)
	}
	return out
}

// tailLog returns what prints the lines of the log from now on.
func tailLog(env environment.Environment, out *stream) func(context.Context) {
	since := time.Now()
	return func(ctx context.Context) {
		err := logstore.Read(ctx, env.Logs(), logstore.Query{Since: since, Follow: true}, func(l logstore.Line) error {
			if l.Level != "error" || l.Source != logstore.SourceBuild { // the display tells of failures itself
				out.put(logLine(l))
			}
			return out.failed()
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, out.failed()) {
			out.put(fmt.Sprintf("The log cannot be read: %s\n", err))
		}
	}
}
