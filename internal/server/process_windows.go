package server

import (
	"context"
	"errors"
	"os"
)

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
