//go:build unix

package server

import (
	"context"
	"errors"
	"syscall"
)

// terminate asks the process to end in its own time.
func terminate(_ context.Context, pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }

// exists reports whether there is a process of that ID.
func exists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
