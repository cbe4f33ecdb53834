package extensions

import (
	"os/exec"
	"syscall"
)

// createNoWindow is CREATE_NO_WINDOW: there is no console that a child could ask for a password on.
const createNoWindow = 0x08000000

// detach takes the console from git and its children.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: createNoWindow}
}
