//go:build unix

package server

import (
	"os/exec"
	"syscall"
)

// detach gives the process a session of its own, so that closing the terminal or ctrl-C there does not reach it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
