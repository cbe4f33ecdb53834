package server

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/envflow/envflow/internal/fault"
)

// Stop ends the server and reports whether there was one. A server that does not react is killed: what it had
// acknowledged is on disk.
func (h *Handle) Stop(ctx context.Context) (wasRunning bool, err error) {
	if alive, err := h.alive(); err != nil || !alive {
		return false, err
	}
	// A server that has just begun has the lock, but its process ID is not written yet: what stands there is of the last.
	pid := 0
	known := func() bool { pid = h.pid(); return pid != 0 && exists(pid) }
	if err := waitFor(ctx, answerTimeout, func() bool { return known() || !h.Alive() }); err != nil {
		return true, fault.Wrap(err, fault.Failure, "end it by hand", "the process of the server that holds %s is not known", h.files.Lock)
	}
	// Another process ID means that it ended and somebody started the next one: that one is not ours to end.
	gone := func() bool { return !h.Alive() || h.pid() != pid }
	for _, ask := range []func(context.Context, int) error{h.askToStop, terminate, kill} {
		// An error means that the next, less polite way has to do.
		if ask(ctx, pid) == nil && waitFor(ctx, stopTimeout, gone) == nil || gone() {
			return true, nil
		}
		if ctx.Err() != nil {
			return true, context.Cause(ctx)
		}
	}
	return true, fault.New(fault.Failure, "see what holds the process up", "the server (process %d) does not end, although it was killed", pid)
}

// askToStop uses the control socket. A server that is still starting has none yet.
func (h *Handle) askToStop(ctx context.Context, pid int) error {
	known, err := h.files.ReadRecord()
	if err != nil {
		return err
	}
	if known.PID != pid {
		return errors.New("it does not answer yet")
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return call(ctx, known.Socket, http.MethodPost, PathStop, nil, nil)
}

// kill ends the process at once.
func kill(_ context.Context, pid int) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return process.Kill()
}

// waitFor returns nil as soon as done holds.
func waitFor(ctx context.Context, timeout time.Duration, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}
