package main

import (
	"os"
)

// findProcess returns a handle that stays with the process.
func findProcess(pid int) (*os.Process, error) { return os.FindProcess(pid) }

// terminate ends the process: this system has no signal that asks it to. Nothing is lost by that.
func terminate(process *os.Process) error { return process.Kill() }

// surviveBrokenPipes does nothing: here writing to a closed pipe is an error already.
func surviveBrokenPipes() (stop func()) { return func() {} }
