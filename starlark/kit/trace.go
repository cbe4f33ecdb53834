package kit

import (
	gostarlark "go.starlark.net/starlark"
)

// builtinFile is the file name of frames that have none.
const builtinFile = "<builtin>"

// Frame is a place in a Starlark file.
type Frame struct {
	File     string // absolute path
	Line     int    // from 1
	Column   int    // from 1, in runes; for a call that of the name called
	Function string // the function the place is in; "<toplevel>" outside of functions
}

// Trace is a stack of calls, innermost first.
type Trace []Frame

func traceOf(stack gostarlark.CallStack) Trace {
	var t Trace
	for i := range stack {
		f := stack.At(i)
		if f.Pos.Filename() == builtinFile {
			continue
		}
		t = append(t, Frame{File: f.Pos.Filename(), Line: int(f.Pos.Line), Column: int(f.Pos.Col), Function: f.Name})
	}
	return t
}
