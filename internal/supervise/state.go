package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Phases of a shim.
const (
	PhaseRunning = "running"
	PhaseWaiting = "waiting" // to start the command again
	PhaseEnding  = "ending"  // somebody wants it to end
	PhaseEnded   = "ended"
)

// State is what a shim says of itself and its command.
type State struct {
	Phase    string    `json:"phase"` // PhaseRunning, ...
	Digest   string    `json:"digest,omitempty"`
	Shim     Process   `json:"shim"`
	Command  Process   `json:"command"`           // that was started last
	Started  time.Time `json:"started"`           // of Command
	Restarts int       `json:"restarts"`          // so far
	Last     *Exit     `json:"last,omitempty"`    // of the command that was started last, or the one before while it runs
	Next     time.Time `json:"next,omitzero"`     // when it is started again, in PhaseWaiting
	Daemons  bool      `json:"daemons,omitempty"` // see Spec
	Stopped  bool      `json:"stopped,omitempty"` // somebody wanted it to end
	Error    string    `json:"error,omitempty"`   // why the command could not be started, or is not started again
}

// Exit is how a command ended.
type Exit struct {
	Code   int       `json:"code"`             // 128 + the signal's number if it was ended by one, as in a shell
	Signal string    `json:"signal,omitempty"` // "killed", ...
	At     time.Time `json:"at"`
}

// signalBase is what shells add to the number of the signal that has ended a command of theirs.
const signalBase = 128

// String says how a command has ended. It names nothing that the command has said. Of nil nobody knows.
func (e *Exit) String() string {
	switch {
	case e == nil:
		return "ended, nobody knows how"
	case e.Signal != "":
		return "was ended by the signal " + e.Signal
	case e.Code > signalBase && e.Code < signalBase+32:
		return fmt.Sprintf("exited with code %d (signal %d)", e.Code, e.Code-signalBase)
	}
	return fmt.Sprintf("exited with code %d", e.Code)
}

const stateFile = "state.json"

// Alive reports whether the shim that wrote this state still runs.
func (s State) Alive() bool { return s.Shim.Alive() }

// Read returns the state of the shim of a folder. The error wraps fs.ErrNotExist if there was never one.
func Read(dir string) (s State, err error) {
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return s, fmt.Errorf("read the state of a shim: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read the state of a shim: %w", err)
	}
	return s, nil
}

// write replaces the state: a reader sees the old one or the new one.
func (s State) write(dir string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, stateFile)
	if err := os.WriteFile(path+"~", data, 0o600); err != nil {
		return fmt.Errorf("write the state of a shim: %w", err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		return fmt.Errorf("write the state of a shim: %w", err)
	}
	return nil
}

// missing reports whether err says that a file is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
