package server

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach takes the process off the console, so that closing the window or ctrl-C there does not reach it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}
