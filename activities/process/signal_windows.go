package process

import "syscall"

// signals: a command is asked to end in the one way this system has, whatever it is called.
var signals = map[string]syscall.Signal{}
