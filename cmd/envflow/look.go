package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/records"
	"github.com/envflow/envflow/worker"
)

// queryTimeout is how long a worker that is there may take to answer how the environment stands.
const queryTimeout = 2 * time.Second

// glance is what can be known of an environment at one moment.
type glance struct {
	Status api.Status        // what the worker answered, else the last that was recorded
	Live   bool              // the worker answered
	Held   bool              // there is a worker
	Holder api.Worker        // of Held
	Silent error             // why a worker that is there gave no answer
	Since  time.Time         // when Status was recorded, if it is not Live; zero: it never was
	Errors map[string]string // full texts of the last failures by resource, api.TiltfileName among them
	Server serverPart        // zero: none runs
	Gone   string            // why there is no worker, "" if somebody ended it
}

// errStarting says that a worker is there and the workflow still has the word of the one before.
var errStarting = errors.New("the worker is starting")

// sameWorker reports whether a and b are one process.
func sameWorker(a, b api.Worker) bool { return a.PID == b.PID && a.Started.Equal(b.Started) }

// State is the state of the environment as people see it.
func (g glance) State() string {
	switch {
	case g.Held:
		return api.EnvironmentRunning
	case g.Status.State == api.EnvironmentDown:
		return api.EnvironmentDown
	}
	return api.EnvironmentPaused
}

// looker looks at one environment, once or many times. It starts no server.
type looker struct {
	e    *environ
	c    *cli.Context
	env  environment.Environment
	conn *connection // nil until there was a server
}

// close lets go of the connection.
func (l *looker) close() {
	if l.conn != nil {
		l.conn.Close()
	}
}

// look returns how the environment stands now.
func (l *looker) look(ctx context.Context) (g glance, err error) {
	g.Holder, g.Held, err = worker.Holder(l.env.Folder)
	if err != nil {
		return g, fmt.Errorf("look for a worker of %s: %w", l.env.ID, err)
	}
	if !g.Held {
		g.Gone = whyGone(l.env)
	}
	g.Server, err = l.server(ctx)
	if err != nil {
		g.Silent = err
	}
	if g.Held && g.Silent == nil {
		g.Status, g.Silent = l.query(ctx)
		if g.Silent == nil && !sameWorker(g.Status.Worker, g.Holder) {
			g.Silent = errStarting
		}
		g.Live = g.Silent == nil
	}
	if ctx.Err() != nil {
		return g, context.Cause(ctx)
	}
	store, err := records.OpenReadOnly(ctx, l.env.Database())
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	} else if err != nil {
		return g, fmt.Errorf("read the records of %s: %w", l.env.ID, err)
	}
	defer func() { _ = store.Close() }()
	if !g.Live {
		if g.Status, g.Since, err = snapshotOf(ctx, store); err != nil {
			return g, err
		}
		for i := range g.Status.Resources {
			if r := &g.Status.Resources[i]; !g.Held && r.Update == api.StateInProgress { // it ended with its worker
				r.Update = api.StatePending
			}
		}
		if g.State() == api.EnvironmentDown { // what was recorded is from before it was deleted
			for i := range g.Status.Resources {
				g.Status.Resources[i].Update, g.Status.Resources[i].Runtime = api.StateNone, api.StateNone
			}
		}
	}
	g.Errors, err = store.Errors(ctx)
	return g, err
}

// server connects if there is a server now, and returns where it is.
func (l *looker) server(ctx context.Context) (serverPart, error) {
	if l.conn == nil {
		conn, err := l.e.connectRunning(ctx, l.c)
		if err != nil || conn == nil {
			return serverPart{}, err
		}
		l.conn = conn
	}
	if l.conn.embedded == nil {
		return serverPart{Address: l.conn.address}, nil
	}
	record, ok, err := l.conn.embedded.Status(ctx)
	if err != nil || !ok {
		return serverPart{}, err
	}
	return serverPart{Address: record.Address, UI: record.UI, PID: record.PID}, nil
}

// query asks the workflow, which needs a worker to answer.
func (l *looker) query(ctx context.Context) (s api.Status, err error) {
	if l.conn == nil {
		return s, fault.New(fault.Missing, "the worker starts it again in a moment", "the envflow server does not run")
	}
	return queryStatus(ctx, l.conn, l.env.ID)
}

// queryStatus asks the workflow of an environment how it stands.
func queryStatus(ctx context.Context, conn *connection, id string) (s api.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	value, err := conn.QueryWorkflow(ctx, api.EnvironmentWorkflowID(id), "", api.StatusQuery)
	if err != nil {
		return s, fmt.Errorf("ask how the environment stands: %w", err)
	}
	if err := value.Get(&s); err != nil {
		return s, fmt.Errorf("read how the environment stands: %w", err)
	}
	return s, nil
}

// lastStatus returns the status that was recorded last. It is empty if none was.
func lastStatus(ctx context.Context, env environment.Environment) (api.Status, error) {
	store, err := records.OpenReadOnly(ctx, env.Database())
	if errors.Is(err, fs.ErrNotExist) {
		return api.Status{}, nil
	} else if err != nil {
		return api.Status{}, fmt.Errorf("read the records of %s: %w", env.ID, err)
	}
	defer func() { _ = store.Close() }()
	status, _, err := snapshotOf(ctx, store)
	return status, err
}

func snapshotOf(ctx context.Context, store *records.Store) (s api.Status, at time.Time, err error) {
	data, at, ok, err := store.Snapshot(ctx)
	if err != nil || !ok {
		return s, time.Time{}, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, at, fmt.Errorf("decode the last status: %w", err)
	}
	return s, at, nil
}

// lastErrors returns the full texts of the last failures, as far as they can be read.
func lastErrors(ctx context.Context, env environment.Environment) map[string]string {
	store, err := records.OpenReadOnly(ctx, env.Database())
	if err != nil {
		return nil
	}
	defer func() { _ = store.Close() }()
	texts, err := store.Errors(ctx)
	if err != nil {
		return nil
	}
	return texts
}
