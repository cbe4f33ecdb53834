//go:build unix

package dev

import "syscall"

// closeFiles lets nobody else read what this process writes: databases, their logs, sockets.
func closeFiles() { syscall.Umask(0o077) }
