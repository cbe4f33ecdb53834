//go:build unix

package server_test

import (
	"syscall"
	"testing"
)

// suspend makes a process hang.
func suspend(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// processLives reports whether there is a process of that ID, a zombie included.
func processLives(pid int) bool { return syscall.Kill(pid, 0) == nil }
