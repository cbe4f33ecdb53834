package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// maxLog is the size in bytes above which a daemon's log is set aside when the daemon starts.
const maxLog = 20 << 20

// pollEvery is how often the package looks whether a process is gone; /proc offers nothing to wait on for a process
// that is not a child.
const pollEvery = 10 * time.Millisecond

// Command says how to start a daemon.
type Command struct {
	Path    string   // absolute path of the program
	Args    []string // arguments after the program name
	Env     []string // its whole environment
	Log     string   // file that its output is appended to
	PIDFile string
	Spec    string // digest kept in the pid file
}

// Start starts a daemon in a session of its own, with no open file but its log, and writes its pid file.
func Start(c Command) (Record, error) {
	if info, err := os.Stat(c.Log); err == nil && info.Size() > maxLog {
		if err := os.Rename(c.Log, c.Log+".1"); err != nil {
			return Record{}, fmt.Errorf("set aside the log: %w", err)
		}
	}
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return Record{}, fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	if err := closeOnExec(); err != nil {
		return Record{}, err
	}
	cmd := exec.Command(c.Path, c.Args...) //nolint:noctx // a daemon outlives every context of its starter
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = c.Env, "/", log, log, detached()
	if err := cmd.Start(); err != nil {
		return Record{}, fmt.Errorf("start %s: %w", c.Path, err)
	}
	// Reaps the daemon should it end before the testbed command does; nothing waits for it.
	go func() { _ = cmd.Wait() }()
	record, err := recordOf(cmd.Process.Pid, c.Spec)
	if err != nil {
		return Record{}, fmt.Errorf("%s ended at once, see %s: %w", c.Path, c.Log, err)
	}
	return record, record.Write(c.PIDFile)
}

// Stop ends the process of a record: a SIGTERM, and a SIGKILL if it is still there after the grace period. It returns
// when the process is gone; with a grace of zero it kills at once.
func Stop(ctx context.Context, r Record, grace time.Duration) error {
	if grace > 0 {
		if err := r.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		err := waitGone(ctx, r, grace)
		if err == nil || !errors.Is(err, errStillAlive) {
			return err
		}
	}
	if err := r.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	return waitGone(ctx, r, 10*time.Second)
}

var errStillAlive = errors.New("process is still alive")

func waitGone(ctx context.Context, r Record, limit time.Duration) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for r.Alive() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return fmt.Errorf("wait for process %d to end: %w after %s", r.PID, errStillAlive, limit)
		case <-tick.C:
		}
	}
	return nil
}
