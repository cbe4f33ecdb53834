package supervise

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// When a command that has ended is started again.
const (
	RestartNever     = "never"
	RestartOnFailure = "on-failure" // unless it ended with exit code 0
	RestartAlways    = "always"
)

// Spec says what a shim runs.
type Spec struct {
	Dir     string         // of its files, absolute; made with mode 0700
	Argv    []string       // the command; its environment and working folder are those of the shim
	Digest  string         // of all that the caller wants run, in words of its own; stands in the state
	Signal  syscall.Signal // asks the command to end; 0: SIGTERM
	Grace   time.Duration  // that it has to do so before it is killed; 0: DefaultGrace
	Restart string         // RestartNever, ...; "": RestartNever
	Backoff Backoff        // between restarts
	Limit   Limit          // of restarts
	Holder  string         // file that somebody locks for as long as the command is wanted; "": nobody does
	Orphan  time.Duration  // that Holder may be free before the command is ended; 0: for ever
	Daemons bool           // what has left the session when the command ends by itself is let be, as with a shell
	Alone   bool           // the command alone is ended: what it has started is to outlive it
}

// DefaultGrace is how long a command has to end by itself.
const DefaultGrace = 30 * time.Second

// Backoff is how long a shim waits before it starts a command again: First, then twice as long each time, at most Max. A
// command that ran for Healthy begins at First again.
type Backoff struct{ First, Max, Healthy time.Duration }

// Limit ends a command that is started again more than Restarts times Within a time; 0: never.
type Limit struct {
	Restarts int
	Within   time.Duration
}

// complete returns the spec with its defaults, or what is wrong with it.
func (s Spec) complete() (Spec, error) {
	if s.Dir == "" || len(s.Argv) == 0 {
		return s, errors.New("a shim needs a folder and a command")
	}
	if s.Signal == 0 {
		s.Signal = syscall.SIGTERM
	}
	if s.Grace == 0 {
		s.Grace = DefaultGrace
	}
	switch s.Restart {
	case "":
		s.Restart = RestartNever
	case RestartNever, RestartOnFailure, RestartAlways:
	default:
		return s, fmt.Errorf("restart policy %q is none of %s, %s, %s", s.Restart, RestartNever, RestartOnFailure, RestartAlways)
	}
	if s.Backoff.First == 0 {
		s.Backoff = Backoff{First: time.Second, Max: 30 * time.Second, Healthy: 10 * time.Second}
	}
	return s, nil
}
