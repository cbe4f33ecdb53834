package kit

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	gostarlark "go.starlark.net/starlark"
)

// Call is one call of a builtin.
type Call struct {
	*Run
	Name   string
	Args   gostarlark.Tuple
	Kwargs []gostarlark.Tuple
	thread *gostarlark.Thread
}

// Unpack assigns the arguments to variables; pairs are as in starlark.UnpackArgs.
//
// A builtin calls it before it does anything else: that is how its arguments are found out without running it (Run.Docs).
func (c *Call) Unpack(pairs ...any) error {
	if c.asked != nil {
		return c.asked.answer(pairs)
	}
	return gostarlark.UnpackArgs(c.Name, c.Args, c.Kwargs, pairs...)
}

// File is the file being executed: the one at the bottom of the call stack, as in Tilt. A function that the main Tiltfile
// loaded and calls works in the main Tiltfile's folder.
func (c *Call) File() string { return c.thread.Name }

// WorkingDir is the folder that relative paths start from.
func (c *Call) WorkingDir() string { return filepath.Dir(c.File()) }

// Path returns the absolute path of one that the Tiltfile names.
func (c *Call) Path(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.WorkingDir(), path)
}

// Paths is Path for several.
func (c *Call) Paths(paths []string) []string {
	list := make([]string, 0, len(paths))
	for _, p := range paths {
		list = append(list, c.Path(p))
	}
	return list
}

// Trace is the stack of this call, its caller first.
func (c *Call) Trace() Trace { return traceOf(c.thread.CallStack()) }

// Warnf warns about this call.
func (c *Call) Warnf(format string, args ...any) {
	c.AddWarning(Warning{At: c.Trace(), Builtin: c.Name, Text: fmt.Sprintf(format, args...)})
}

// WarnDoesNothing warns that this call, or what it is given, has no effect.
func (c *Call) WarnDoesNothing(format string, args ...any) {
	c.AddWarning(Warning{At: c.Trace(), Builtin: c.Name, Rule: RuleDoesNothing, Text: fmt.Sprintf(format, args...)})
}

// wrap makes a Starlark function of fn: it takes the time, ends when the evaluation is cancelled, and begins each message with
// the builtin's name.
func (r *Run) wrap(name string, fn func(*Call) (gostarlark.Value, error)) func(*gostarlark.Thread, *gostarlark.Builtin, gostarlark.Tuple, []gostarlark.Tuple) (gostarlark.Value, error) {
	return func(thread *gostarlark.Thread, _ *gostarlark.Builtin, args gostarlark.Tuple, kwargs []gostarlark.Tuple) (gostarlark.Value, error) {
		if err := r.Ctx.Err(); err != nil {
			return nil, err
		}
		start := time.Now()
		v, err := fn(&Call{Run: r, Name: name, Args: args, Kwargs: kwargs, thread: thread})
		r.timings[name] += time.Since(start)
		r.calls[name]++
		if err != nil {
			return nil, named(name, err)
		}
		if v == nil {
			v = gostarlark.None
		}
		return v, nil
	}
}

// named puts the builtin's name before the message, unless it is there, or the error comes from another file.
func named(name string, err error) error {
	if _, ok := errors.AsType[*plain](err); ok {
		return err
	}
	if inOtherFile(err) || strings.HasPrefix(err.Error(), name+":") {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}
