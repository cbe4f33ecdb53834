//go:build unix

package server

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// detach gives the process a session of its own, so that closing the terminal or ctrl-C there does not reach it, and
// keeps from it what files this process was started with: a lock or a pipe of the caller must not stay with a process
// that outlives him.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	open, err := filepath.Glob("/dev/fd/*")
	if err != nil {
		return // only for a malformed pattern
	}
	for _, path := range open {
		if fd, err := strconv.Atoi(filepath.Base(path)); err == nil && fd > int(os.Stderr.Fd()) {
			syscall.CloseOnExec(fd)
		}
	}
}

// terminate asks the process to end in its own time.
func terminate(_ context.Context, pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }

// exists reports whether there is a process of that ID.
func exists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
