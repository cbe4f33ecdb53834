package supervise

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// Detach takes the process off the console, so that closing the window or ctrl-C there does not reach it.
func Detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}

// askFile is a file in a shim's folder that asks it to end: this system has no signal that does.
const askFile = "end"

// ask asks a shim to end.
func ask(dir string, _ int) error { return os.WriteFile(filepath.Join(dir, askFile), nil, 0o600) }

// askedEvery is how often a shim looks whether it was asked to end.
const askedEvery = 200 * time.Millisecond

// forgetAsked removes what asked the shim before to end.
func forgetAsked(dir string) { _ = os.Remove(filepath.Join(dir, askFile)) }

// watchAsked calls asked once somebody wants the shim of a folder to end.
func watchAsked(ctx context.Context, dir string, asked func()) {
	path := filepath.Join(dir, askFile)
	for wait(ctx, askedEvery) {
		if os.Remove(path) == nil {
			asked()
			return
		}
	}
}
