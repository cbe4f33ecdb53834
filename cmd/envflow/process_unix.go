//go:build unix

package main

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
)

// detach gives the process a session of its own, so that closing the terminal or ctrl-C there does not reach it, and keeps
// from it what files this process was started with.
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

// findProcess returns a handle that stays with the process, where the system has that.
func findProcess(pid int) (*os.Process, error) { return os.FindProcess(pid) }

// terminate asks the process to end in its own time.
func terminate(process *os.Process) error { return process.Signal(syscall.SIGTERM) }

// surviveBrokenPipes makes writing to a stdout that nobody reads any more an error instead of the end of the process. What
// is started from here does not inherit that.
func surviveBrokenPipes() (stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGPIPE)
	return func() { signal.Stop(c) }
}
