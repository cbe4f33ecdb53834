package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// ErrHeld says that the folder has a shim already.
var ErrHeld = errors.New("the folder has a shim")

const lockFile = "lock"

// shim is one run of Run.
type shim struct {
	Spec
	out   *output
	state State
	ended []time.Time // when the command was started again, within Limit.Within
}

// Run is a shim: it runs the command of the spec, starts it again as that says, and returns when it has ended for good and
// left nothing behind. When ctx ends, or nobody holds the spec's Holder for too long, it ends the command.
func Run(ctx context.Context, spec Spec) error {
	spec, err := spec.complete()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(spec.Dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of a shim: %w", err)
	}
	lock := flock.New(filepath.Join(spec.Dir, lockFile))
	if free, err := lock.TryLock(); err != nil {
		return fmt.Errorf("lock the folder of a shim: %w", err)
	} else if !free {
		return ErrHeld
	}
	defer func() { _ = lock.Unlock() }() // the process ends anyway
	if err := adoptOrphans(); err != nil {
		return fmt.Errorf("adopt what the command leaves behind: %w", err)
	}
	s := &shim{Spec: spec, state: State{Phase: PhaseWaiting, Digest: spec.Digest, Shim: self()}}
	if s.out, err = openOutput(spec.Dir); err != nil {
		return err
	}
	defer s.out.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if spec.Holder != "" && spec.Orphan > 0 {
		go s.watchHolder(ctx, cancel)
	}
	return s.run(ctx)
}

func (s *shim) run(ctx context.Context) error {
	backoff := s.Backoff.First
	for {
		began := time.Now()
		exit, err := s.once(ctx)
		s.state.Last = exit
		if err != nil {
			s.state.Error = err.Error()
		}
		if ctx.Err() != nil || !s.again(exit, err) {
			s.state.Phase = PhaseEnded
			return s.state.write(s.Dir)
		}
		if time.Since(began) >= s.Backoff.Healthy {
			backoff = s.Backoff.First
		}
		s.state.Phase = PhaseWaiting
		if err := s.state.write(s.Dir); err != nil {
			return err
		}
		if !wait(ctx, backoff) {
			s.state.Phase = PhaseEnded
			return s.state.write(s.Dir)
		}
		backoff = min(2*backoff, s.Backoff.Max)
		s.state.Restarts++
	}
}

// once runs the command until it has ended and nothing of it is left. exit is nil if it could not be started.
func (s *shim) once(ctx context.Context) (exit *Exit, err error) {
	c, err := start(s.Argv, s.out)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Argv[0], err)
	}
	s.state.Phase, s.state.Command, s.state.Started, s.state.Error = PhaseRunning, identify(c.pid()), time.Now().UTC(), ""
	if err := s.state.write(s.Dir); err != nil {
		c.kill()
		return nil, err
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		s.state.Phase = PhaseEnding
		_ = s.state.write(s.Dir) // it ends whether or not somebody reads that
	}
	// Also what a command that has ended by itself left behind: nobody would look after it.
	c.end(s.Signal, s.Grace)
	return c.exit, nil
}

// again reports whether the command is to be started again.
func (s *shim) again(exit *Exit, err error) bool {
	switch {
	case s.Restart == RestartNever, s.Restart == RestartOnFailure && err == nil && exit.Code == 0:
		return false
	case s.Limit.Restarts == 0:
		return true
	}
	now := time.Now()
	s.ended = append(slices.DeleteFunc(s.ended, func(at time.Time) bool { return now.Sub(at) >= s.Limit.Within }), now)
	if len(s.ended) > s.Limit.Restarts {
		s.state.Error = fmt.Sprintf("it ended %d times within %s and is not started again", len(s.ended), s.Limit.Within)
		return false
	}
	return true
}

// holderEvery is how often a shim looks whether somebody still wants the command.
const holderEvery = 10 * time.Second

// watchHolder calls orphaned once nobody has held Holder for too long.
func (s *shim) watchHolder(ctx context.Context, orphaned func()) {
	since := time.Now()
	for {
		if held, err := Held(s.Holder); held && err == nil {
			since = time.Now()
		} else if time.Since(since) >= s.Orphan {
			orphaned()
			return
		}
		if !wait(ctx, min(holderEvery, s.Orphan)) {
			return
		}
	}
}

// wait returns false if ctx ends before the time is over.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
