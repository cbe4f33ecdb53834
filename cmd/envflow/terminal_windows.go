package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// isTerminal reports whether stream is a console that understands escape codes, after asking it to: consoles older than
// Windows Terminal print them as they are until told otherwise.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	var mode uint32
	console := windows.Handle(f.Fd())
	if windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
