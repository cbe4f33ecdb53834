//go:build unix

package supervise

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// Detach gives the process a session of its own, so that closing the terminal or ctrl-C there does not reach it, and keeps from
// it what files this process was started with: a lock or a pipe of the caller must not stay with a process that outlives him.
func Detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	open, err := filepath.Glob("/dev/fd/*")
	if err != nil {
		return // only for a malformed pattern
	}
	for _, path := range open {
		if fd, err := strconv.Atoi(filepath.Base(path)); err == nil && fd > syscall.Stderr {
			syscall.CloseOnExec(fd)
		}
	}
}

// ask asks a shim to end.
func ask(_ string, pid int) error {
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && err != syscall.ESRCH {
		return err
	}
	return nil
}

// forgetAsked has nothing to do here.
func forgetAsked(string) {}

// watchAsked has nothing to do here: a signal ends the shim.
func watchAsked(context.Context, string, func()) {}
