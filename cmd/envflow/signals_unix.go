//go:build unix

package main

import (
	"os"
	"syscall"
)

// endingSignals ask a command to end: ctrl-C, kill, and a terminal that goes away.
var endingSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
