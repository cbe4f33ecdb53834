package proc

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// detached makes the child the leader of a session of its own, so that no signal to the caller's terminal or process
// group reaches it.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true}
}

// closeOnExec marks every file above standard error so that children do not inherit it. Go opens its own files that way,
// but a file that the caller left open (a pipe that CI waits on, a lock held with flock) would otherwise live as long as
// the daemons.
func closeOnExec() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list open files: %w", err)
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}
