//go:build unix

package extensions

import (
	"os/exec"
	"syscall"
)

// detach takes the terminal from git and its children: ssh would ask for a password there. A session is a group of its own.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}
