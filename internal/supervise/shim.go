package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gofrs/flock"
)

// ErrHeld says that the folder has a shim already.
var ErrHeld = errors.New("the folder has a shim")

const lockFile = "lock"

// lockLimit is longer than anybody needs to look at the lock.
const lockLimit = 200 * time.Millisecond

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
	// Whoever looks whether it is held (see Held) has it for an instant, so once is not enough.
	trying, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	if free, err := lock.TryLockContext(trying, lockLimit/20); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("lock the folder of a shim: %w", err)
	} else if !free {
		return ErrHeld
	}
	defer func() { _ = lock.Unlock() }() // the process ends anyway
	if !spec.Alone {
		if err := adoptOrphans(); err != nil {
			return fmt.Errorf("adopt what the command leaves behind: %w", err)
		}
	}
	s := &shim{Spec: spec, state: State{Phase: PhaseWaiting, Digest: spec.Digest, Daemons: spec.Daemons, Shim: self()}}
	if s.out, err = openOutput(spec.Dir); err != nil {
		return err
	}
	defer s.out.close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	forgetAsked(spec.Dir)
	go watchAsked(ctx, spec.Dir, end)
	if spec.Holder != "" && spec.Orphan > 0 {
		go s.watchHolder(ctx, end)
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
			return s.over(ctx)
		}
		if time.Since(began) >= s.Backoff.Healthy {
			backoff = s.Backoff.First
		}
		s.state.Phase, s.state.Next = PhaseWaiting, time.Now().Add(backoff).UTC()
		if err := s.state.write(s.Dir); err != nil {
			return err
		}
		if !wait(ctx, backoff) {
			return s.over(ctx)
		}
		backoff = min(2*backoff, s.Backoff.Max)
		s.state.Restarts++
		s.state.Next = time.Time{}
	}
}

// over says that the command is not started again.
func (s *shim) over(ctx context.Context) error {
	s.state.Phase, s.state.Next, s.state.Stopped = PhaseEnded, time.Time{}, ctx.Err() != nil
	return s.state.write(s.Dir)
}

// RestartsVariable is in the environment of a command that is started again: how often it was before.
const RestartsVariable = "ENVFLOW_RESTARTS"

// once runs the command until it has ended and nothing of it is left. exit is nil if it could not be started.
func (s *shim) once(ctx context.Context) (exit *Exit, err error) {
	var more []string
	if s.state.Restarts > 0 {
		more = []string{RestartsVariable + "=" + strconv.Itoa(s.state.Restarts)}
	}
	c, err := start(s.Argv, more, s.Alone, s.out)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Argv[0], err)
	}
	s.state.Phase, s.state.Command, s.state.Started, s.state.Error = PhaseRunning, identify(c.pid()), time.Now().UTC(), ""
	s.state.Command.PID = c.pid() // one that has ended by now has no more than that, but it was started
	if err := s.state.write(s.Dir); err != nil {
		c.kill()
		return nil, err
	}
	select {
	case <-c.ended:
		c.session = s.Daemons // a daemon that the command has left is meant to stay
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
