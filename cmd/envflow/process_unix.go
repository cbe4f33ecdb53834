//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

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
