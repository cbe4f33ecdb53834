package dev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/envflow/envflow/dev/ui"
	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/state"
)

const (
	// watchInterval is how often the server looks whether its files are still there.
	watchInterval = 2 * time.Second
	headerTimeout = 10 * time.Second
)

// Why a server ends.
var (
	errAsked   = errors.New("a command asked for it")
	errIdle    = errors.New("nobody used it")
	errRemoved = errors.New("its state folder was removed")
)

// serving is a server that Temporal runs in already.
type serving struct {
	files server.Files
	lock  *flock.Flock
	token string
	used  *usage
	ui    net.Listener
	guard *ui.Guard

	mu     sync.Mutex // guards record
	record server.Record
}

// serve opens the doors, tells whoever waits, and returns when it is time to end.
func serve(outer context.Context, o Options, s *serving) (err error) {
	if s.guard, err = newGuard(s); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(outer)
	defer stop(nil)
	control := &http.Server{
		Handler:           newControl(s.where, s.guard, s.used, func() { stop(errAsked) }),
		ReadHeaderTimeout: headerTimeout,
	}
	pages := &http.Server{Handler: s.guard, ReadHeaderTimeout: headerTimeout}
	defer func() { err = errors.Join(err, control.Close(), pages.Close()) }()

	socket, err := s.openControl(ctx, o, control)
	if err != nil {
		return err
	}
	go func() { stop(fmt.Errorf("serve pages: %w", pages.Serve(s.ui))) }()
	o.Logger.Info("server ready", "address", s.record.Address, "ui", s.record.UI, "version", s.record.Version)
	o.Ready(s.where())
	go func() {
		if s.used.waitIdle(ctx, o.IdleTimeout) {
			stop(errIdle)
		}
	}()
	err = s.watchFiles(ctx, o, control, socket)
	o.Logger.Info("server ends", "why", err.Error())
	if outer.Err() != nil || errors.Is(err, errAsked) || errors.Is(err, errIdle) || errors.Is(err, errRemoved) {
		return nil
	}
	return err
}

// where returns the record as it is now.
func (s *serving) where() server.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record
}

// openControl opens the control socket and writes where it is. The socket is closed with control.
func (s *serving) openControl(ctx context.Context, o Options, control *http.Server) (*controlSocket, error) {
	socket, err := listenControl(ctx, o.Lookup, s.files)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.record.Socket = socket.path
	s.mu.Unlock()
	// It ends when the socket is closed, which is no news.
	go func() { _ = control.Serve(socket) }()
	return socket, state.WriteJSON(s.files.Record, s.where())
}

// watchFiles opens the control socket anew when its file is gone, and returns why the server should end. A server whose
// lock was removed must: nobody sees it any more, and the next one would share its database.
func (s *serving) watchFiles(ctx context.Context, o Options, control *http.Server, socket *controlSocket) error {
	held, err := s.lock.Stat()
	if err != nil {
		return fmt.Errorf("look at the lock: %w", err)
	}
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		if !sameFile(s.files.Lock, held) {
			return errRemoved
		}
		if socket.there() {
			continue
		}
		again, err := s.openControl(ctx, o, control)
		if err != nil {
			o.Logger.Warn("the control socket is gone and cannot be made again", "error", err.Error())
			continue
		}
		_ = socket.Close() // its file is gone already
		socket = again
	}
}

func newGuard(s *serving) (*ui.Guard, error) {
	read, err := ui.Temporal(s.record.Address, s.record.Namespace, false)
	if err != nil {
		return nil, err
	}
	write, err := ui.Temporal(s.record.Address, s.record.Namespace, true)
	if err != nil {
		return nil, err
	}
	port := s.ui.Addr().(*net.TCPAddr).Port
	return ui.NewGuard(port, s.token, read, write, time.Now), nil
}
