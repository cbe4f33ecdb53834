//go:build !linux

package proc

import (
	"errors"
	"syscall"
)

func detached() *syscall.SysProcAttr { return nil }

func closeOnExec() error { return errors.New("daemons can be started on Linux only") }
