package main

import (
	"os"
	"syscall"
)

// endingSignals ask a command to end. Go turns ctrl-C and ctrl-break into os.Interrupt, and a closed console window,
// logoff and shutdown into SIGTERM.
var endingSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}
