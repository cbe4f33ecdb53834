package server

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach takes the process off the console, so that closing the window or ctrl-C there does not reach it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}

// terminate is for systems that have a signal for it.
func terminate(context.Context, int) error {
	return errors.New("Windows has no signal that asks a process to end")
}

// exists reports whether there is a process of that ID.
func exists(pid int) bool {
	process, err := os.FindProcess(pid) // opens it, on this system
	if err != nil {
		return false
	}
	_ = process.Release()
	return true
}
