package main

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach takes the process off the console, so that closing the window or ctrl-C there does not reach it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}

// findProcess returns a handle that stays with the process.
func findProcess(pid int) (*os.Process, error) { return os.FindProcess(pid) }

// terminate ends the process: this system has no signal that asks it to. Nothing is lost by that.
func terminate(process *os.Process) error { return process.Kill() }

// surviveBrokenPipes does nothing: here writing to a closed pipe is an error already.
func surviveBrokenPipes() (stop func()) { return func() {} }
