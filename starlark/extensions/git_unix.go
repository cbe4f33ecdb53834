//go:build unix

package extensions

import (
	"os/exec"
	"syscall"
)

// detach makes cancelling git end its children too, and takes the terminal from them: ssh would ask for a password there.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
