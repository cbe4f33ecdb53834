package dev

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"google.golang.org/grpc"

	"github.com/envflow/envflow/dev/temporal"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/version"
)

const (
	temporalPort = 7233 // the conventional port of a Temporal frontend
	uiPort       = 8233 // the conventional port of the Temporal UI of a development server

	retention     = 30 * 24 * time.Hour // of the histories of closed workflows
	lockPatience  = 5 * time.Second     // somebody may look at the lock just now, or the last server be on its way out
	readyPatience = 45 * time.Second

	// The collector runs twice as often as by default: most of what Temporal holds is short-lived.
	gcPercent   = 50
	memoryLimit = 512 << 20 // above it the collector works harder; no hard limit
)

// Options say how the server runs.
type Options struct {
	StateDir    string
	Lookup      state.Lookup
	IdleTimeout time.Duration // the server ends after so long without a worker, a command or a page; 0 means never
	Logger      *slog.Logger
	Ready       func(server.Record) // called once, when the server answers
}

// Run serves until ctx ends, a command asks for the end, or nobody has used the server for a while. It returns an error
// only if it could not start, or if Temporal broke.
func Run(ctx context.Context, o Options) (err error) {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	defer func() {
		if err != nil && ctx.Err() != nil { // whatever step it was at
			err = fault.Wrap(err, fault.Failure, "", "the server was stopped while it was starting")
		}
	}()
	files := server.FilesIn(o.StateDir)
	if err := state.EnsureDir(files.Dir); err != nil {
		return err
	}
	closeFiles()
	lock, err := takeLock(ctx, files)
	if err != nil {
		return err
	}
	// The end of the process gives it back, not this function: until then its files are open. A lock that nothing refers
	// to is closed by the garbage collector.
	defer runtime.KeepAlive(lock)

	record := server.Record{
		PID: os.Getpid(), Database: files.Database, Version: version.Version, Namespace: api.Namespace,
	}
	if record.Notice, err = temporal.OpenDatabase(ctx, files.Database, time.Now()); err != nil {
		return err
	}
	if record.Notice != "" {
		o.Logger.Warn("database replaced", "notice", record.Notice)
	}
	token, err := newToken(files)
	if err != nil {
		return err
	}
	used := newUsage(time.Now)
	srv, ports, err := newTemporal(ctx, files, temporal.Options{
		Database: files.Database, Token: token, Namespace: api.Namespace, Retention: retention,
		SearchAttributes: api.SearchAttributes(), LogLevel: "warn", Interceptors: []grpc.UnaryServerInterceptor{used.intercept},
	})
	if err != nil {
		return state.WriteFault(err, files.Database)
	}
	defer func() { _ = ports.ui.Close() }()
	record.Address, record.UI = ports.frontendAddress(), "http://"+ports.ui.Addr().String()
	if err := srv.Start(); err != nil {
		return state.WriteFault(err, files.Database)
	}
	defer func() { err = errors.Join(err, srv.Stop()) }()
	if err := waitReady(ctx, record, token); err != nil {
		return err
	}
	return serve(ctx, o, &serving{files: files, lock: lock, record: record, token: token, used: used, ui: ports.ui})
}

func takeLock(ctx context.Context, files server.Files) (*flock.Flock, error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	lock := flock.New(files.Lock, flock.SetPermissions(0o600))
	ok, err := lock.TryLockContext(ctx, 20*time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) || err == nil && !ok {
		return nil, fault.New(fault.Failure, "see `envflow server status`", "another server runs in %s", files.Dir)
	} else if err != nil {
		return nil, state.WriteFault(err, files.Lock)
	}
	if err := state.WriteFile(files.PID, []byte(strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return nil, err
	}
	return lock, nil
}

// newTemporal prepares Temporal on a port that is free. Temporal opens the port itself, a moment after we found it, so
// another server that starts just now may get it first.
func newTemporal(ctx context.Context, files server.Files, o temporal.Options) (srv *temporal.Server, p ports, err error) {
	const tries = 5
	for range tries {
		if p, err = choosePorts(ctx, files); err != nil {
			return nil, p, err
		}
		o.Port = p.frontend
		if srv, err = temporal.New(o); err == nil {
			return srv, p, nil
		}
		_ = p.ui.Close()
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, p, err
}
