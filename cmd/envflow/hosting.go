package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/environment"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/version"
	"github.com/envflow/envflow/worker"
)

const (
	// pauseTimeout is how long pausing may take, from the design.
	pauseTimeout = 5 * time.Second
	// leaveTimeout is how long a worker may take to let go of everything afterwards.
	leaveTimeout = 10 * time.Second
	// orphanTimeout is how long local processes run on whose worker has gone without a word.
	orphanTimeout = 8 * time.Hour
	// maxWorkerLog is the size beyond which the log of earlier workers is moved aside before another one writes to it.
	maxWorkerLog = 10 << 20
)

// hosting is a worker that runs in this process.
type hosting struct {
	*worker.Host
	end   context.CancelFunc
	ended chan struct{} // closed once it has let go of everything
	err   error         // why it ended, set before ended is closed
	log   *os.File
}

// hostOptions are what the caller of host decides.
type hostOptions struct {
	Subcommand      string // up, down
	SetArgs         bool   // Resources and Args replace those of the last worker
	Resources, Args []string
	Adopt           bool
	Shimmed         bool          // this process has the environment's shim
	Orphan          time.Duration // that local processes run on without a worker; 0: orphanTimeout
}

// host makes this process the worker of env. The error is a *worker.HeldError if another one is. The worker outlives ctx:
// the caller ends it with leave.
func (e *environ) host(ctx context.Context, conn *connection, env environment.Environment, o hostOptions) (*hosting, error) {
	h := &hosting{ended: make(chan struct{})}
	log, err := openWorkerLog(env)
	if err != nil {
		return nil, err
	}
	h.log = log
	_ = debug.SetCrashOutput(log, debug.CrashOptions{}) // a panic is told there too; without that on stderr alone
	if !o.Shimmed {
		if err := endIdleShim(ctx, env); err != nil {
			_ = log.Close()
			return nil, err
		}
	}
	commands, err := e.inherited(env.ID)
	if err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("prepare for local commands: %w", err)
	}
	logger := slog.New(slog.NewTextHandler(log, nil))
	h.Host, err = worker.NewHost(ctx, worker.HostOptions{
		ID: env.ID, Project: env.Project, Path: env.Path, User: env.User, Owner: env.Owner, Folder: env.Folder,
		Client: conn.Client, TemporalNamespace: conn.namespace, Server: conn.embedded, Version: version.Version,
		SetArgs: o.SetArgs, Resources: o.Resources, Args: o.Args,
		KubeConfig: kubeconfigOf(env), Context: env.Context, Namespace: env.Namespace,
		Adopt: o.Adopt, Subcommand: o.Subcommand, Environ: commands.Environ, Executable: commands.Executable,
		OrphanTimeout: cmp.Or(o.Orphan, orphanTimeout), Log: logger,
	})
	if err != nil {
		_ = h.log.Close()
		return nil, err
	}
	// The collector runs twice as often as by default: a worker is there all day, and mostly idle.
	debug.SetGCPercent(50)
	undivert := func() {}
	if o.Subcommand == "up" { // others draw no table
		undivert = divert(logger, h.Say)
	}
	run, end := context.WithCancel(context.WithoutCancel(ctx))
	h.end = end
	go func() {
		defer close(h.ended)
		h.err = h.Run(run)
		undivert()
		_ = h.log.Close()
	}()
	return h, nil
}

// kubeconfigOf is the kubeconfig in which an environment was brought up, "" where kubectl's rules find it.
func kubeconfigOf(env environment.Environment) string {
	if env.KubeConfig == "" || strings.ContainsRune(env.KubeConfig, filepath.ListSeparator) {
		return ""
	}
	if _, err := os.Stat(env.KubeConfig); err != nil {
		return "" // it is gone: what is there now may know the context too
	}
	return env.KubeConfig
}

func openWorkerLog(env environment.Environment) (*os.File, error) {
	path := env.WorkerLog()
	if info, err := os.Stat(path); err == nil && info.Size() > maxWorkerLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("move the old log of the worker aside: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, state.WriteFault(err, path)
	}
	return file, nil
}

// attached waits until the workflow has accepted the worker.
func (h *hosting) attached(ctx context.Context) error {
	select {
	case <-h.Attached():
		return nil
	case <-h.ended:
		return cmp.Or(h.err, errors.New("the worker ended before it was accepted"))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leave pauses the environment if it is not down, and ends the worker. It takes no longer than it must: nothing is lost by
// ending without a pause.
func (h *hosting) leave(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	select {
	case <-h.ended:
		return nil
	default:
	}
	pausing, cancel := context.WithTimeout(ctx, pauseTimeout)
	defer cancel()
	err := h.Pause(pausing)
	h.end()
	select {
	case <-h.ended:
	case <-time.After(leaveTimeout):
		return fault.New(fault.Failure, "nothing is lost: the next `envflow up` goes on", "the worker did not end within %s", leaveTimeout)
	}
	if err != nil {
		return fault.Wrap(err, fault.Failure, "nothing is lost: the next `envflow up` goes on", "the environment was left without a pause")
	}
	return nil
}

// holderOf returns who is the worker, if err says that another process is.
func holderOf(err error) (api.Worker, bool) {
	held, ok := errors.AsType[*worker.HeldError](err)
	if !ok {
		return api.Worker{}, false
	}
	return held.Holder, true
}

// holderText names a worker for a person.
func holderText(w api.Worker) string {
	text := fmt.Sprintf("process %d", w.PID)
	if w.Host != "" {
		text += " on " + w.Host
	}
	if !w.Started.IsZero() {
		text += ", since " + clockTime(w.Started, time.Now())
	}
	return text
}

// environmentLink returns a one-time link to the workflows of an environment, "" for a Temporal of the user's own.
func (c *connection) environmentLink(ctx context.Context, id string) (string, error) {
	if c.embedded == nil {
		return "", nil
	}
	query := fmt.Sprintf("WorkflowId STARTS_WITH %q", api.EnvironmentWorkflowID(id))
	return c.login(ctx, fmt.Sprintf("/namespaces/%s/workflows?query=%s", c.namespace, url.QueryEscape(query)))
}
