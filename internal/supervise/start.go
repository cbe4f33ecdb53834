package supervise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// markVariable is in the environment of a shim and of all that its command starts, with the shim's folder as its value. What
	// a shim that was killed has left behind is found by it.
	markVariable = "ENVFLOW_SHIM"
	// shimLog takes what a shim says that cannot run.
	shimLog = "shim.log"
	// startLimit is how long a shim may take to say that it runs.
	startLimit = 10 * time.Second
	// lookEvery is how often a shim is looked at that is about to start or to end.
	lookEvery = 5 * time.Millisecond
)

// ErrCommand says that a shim runs, or did, but its command cannot be started.
var ErrCommand = errors.New("the command cannot be started")

// Start starts a shim in the background that outlives this process, and returns when it has started the command. agent is the
// path of envflow-agent, env the whole environment of the command and dir its working folder. What an earlier shim of the
// folder has left behind is ended first. The error is ErrHeld if one still runs, and wraps ErrCommand if the command cannot be
// started.
func Start(ctx context.Context, agent string, spec Spec, env []string, dir string) (State, error) {
	if err := free(ctx, spec.Dir); err != nil {
		return State{}, err
	}
	if !spec.Alone {
		if err := endLeftovers(ctx, spec.Dir); err != nil {
			return State{}, err
		}
	}
	if err := os.MkdirAll(spec.Dir, 0o700); err != nil {
		return State{}, fmt.Errorf("make the folder of a shim: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(spec.Dir, shimLog), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return State{}, fmt.Errorf("start a shim: %w", err)
	}
	defer func() { _ = log.Close() }()                                      // the shim has its own
	cmd := exec.Command(agent, append([]string{"shim"}, spec.Args()...)...) //nolint:noctx // it outlives whoever wants it
	cmd.Env, cmd.Dir, cmd.Stderr = marked(env, spec), dir, log
	Detach(cmd)
	if err := cmd.Start(); err != nil {
		return State{}, fmt.Errorf("start a shim: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its state says how it went
	}()
	state, err := started(ctx, spec.Dir, cmd.Process.Pid, ended)
	if err != nil && !errors.Is(err, ErrCommand) {
		_ = ask(spec.Dir, cmd.Process.Pid) // it may not have the folder yet, so that nobody would find it
	}
	return state, err
}

// marked is env with the mark of this shim, and of no other that started whoever starts it.
func marked(env []string, spec Spec) []string {
	out := slices.DeleteFunc(slices.Clone(env), func(pair string) bool {
		return strings.HasPrefix(pair, markVariable+"=") || strings.HasPrefix(pair, RestartsVariable+"=")
	})
	if spec.Alone {
		return out
	}
	return append(out, markVariable+"="+spec.Dir)
}

// free returns nil once no shim holds the folder. One that is being killed does so for a moment longer than it lives, and one
// that has just begun has not written its state yet.
func free(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		held, err := Held(filepath.Join(dir, lockFile))
		if err != nil || !held {
			return err
		}
		if state, err := Read(dir); err == nil && state.Alive() {
			return ErrHeld
		}
		if !wait(ctx, lookEvery) {
			return fmt.Errorf("%w: %w", ErrHeld, context.Cause(ctx))
		}
	}
}

// started waits until the shim of that PID has said how it stands.
func started(ctx context.Context, dir string, pid int, ended <-chan struct{}) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		over := ctx.Err() != nil
		select {
		case <-ended:
			over = true
		default:
		}
		state, err := Read(dir)
		switch {
		case err == nil && state.Shim.PID == pid && state.Phase != "":
			if state.Command.PID == 0 {
				return state, fmt.Errorf("%w: %s", ErrCommand, state.Error)
			}
			return state, nil
		case over && ctx.Err() != nil:
			return State{}, fmt.Errorf("wait for a shim: %w", context.Cause(ctx))
		case over:
			said, _ := os.ReadFile(filepath.Join(dir, shimLog)) // without it the error has less to say
			return State{}, fmt.Errorf("the shim ended before it had started the command: %s", strings.TrimSpace(string(said)))
		}
		wait(ctx, lookEvery)
	}
}

// Stop asks the shim of a folder to end its command, and returns when that is done and nothing is left of it. There may be none.
// If ctx ends before, the shim goes on ending the command.
func Stop(ctx context.Context, dir string) error {
	for asked := (Process{}); ; {
		state, err := Read(dir)
		if err != nil {
			state = State{} // one that cannot be read says as much as none
		}
		if held, err := Held(filepath.Join(dir, lockFile)); err != nil {
			return fmt.Errorf("look for the shim of %s: %w", dir, err)
		} else if !held {
			return endLeftovers(ctx, dir)
		}
		// One that has just begun has not written its state yet. The lock shows that it lives, whatever the boot is called.
		if start, ok := startOf(state.Shim.PID); ok && start == state.Shim.Start && state.Shim != asked {
			if err := ask(dir, state.Shim.PID); err != nil {
				return fmt.Errorf("ask a shim to end: %w", err)
			}
			asked = state.Shim
		}
		if !wait(ctx, lookEvery) {
			return context.Cause(ctx)
		}
	}
}

// Await returns the last state of the shim of a folder, once it has ended. A shim that was killed leaves the state it was in.
func Await(ctx context.Context, dir string) (State, error) {
	const longest = 20 * time.Millisecond // between two looks
	for every := time.Millisecond; ; every = min(2*every, longest) {
		state, err := Read(dir)
		if err != nil || !state.Alive() {
			if err == nil { // it may have written between the two
				state, err = Read(dir)
			}
			return state, err
		}
		if !wait(ctx, every) {
			return state, context.Cause(ctx)
		}
	}
}

// endLeftovers kills what a shim that was killed has left behind in a folder that has none now.
func endLeftovers(ctx context.Context, dir string) error {
	state, err := Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && state.Phase == PhaseEnded && state.Shim.Boot == bootID() {
		return nil // it has seen to that
	}
	for none := 0; none < 2; { // a look may miss a child whose parent ends at that moment; two do not
		left := leftovers(dir, state)
		if len(left) == 0 {
			none++
			continue
		}
		none = 0
		for _, pid := range left {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill() // it may have ended meanwhile
			}
		}
		if !wait(ctx, lookEvery) {
			return context.Cause(ctx)
		}
	}
	return nil
}
