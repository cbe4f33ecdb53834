package kit

import (
	"fmt"
	"maps"
	"slices"
)

// Warning is what an evaluation has to say of a Tiltfile that it can carry out.
type Warning struct {
	At      Trace  // the call that it is about; none: all of the Tiltfile, or the machine
	Builtin string // that was called, "" if that says nothing
	Rule    string // of `envflow lint`; "": RuleWarning
	Text    string // one sentence
	Hint    string // what to do about it, may be ""
}

// Rules of `envflow lint` that warnings are of.
const (
	RuleWarning           = "warning"
	RuleUnusedImage       = "unused-image"
	RuleUnknownDependency = "unknown-dependency"
	RuleDoesNothing       = "does-nothing" // what Tilt has, and envflow takes and passes over
	RuleNoResources       = "no-resources"
)

// Warn adds a warning to the plan and to the output.
func (r *Run) Warn(at Trace, format string, args ...any) {
	r.AddWarning(Warning{At: at, Text: fmt.Sprintf(format, args...)})
}

// AddWarning is Warn for what has a rule or a hint.
func (r *Run) AddWarning(w Warning) {
	r.warnings = append(r.warnings, w)
	text := w.Text
	if len(w.At) > 0 {
		text = fmt.Sprintf("%s:%d: %s", r.Display(w.At[0].File), w.At[0].Line, text)
	}
	if w.Hint != "" {
		text += "; " + w.Hint
	}
	r.Plan.Warnings = append(r.Plan.Warnings, text)
	_, _ = fmt.Fprintf(r.output, "WARNING: %s\n", text) // no one to tell if the log is gone
}

// Warnings are those of the Tiltfile, without those of extensions that are registered.
func (r *Run) Warnings() []Warning { return r.warnings }

// OwnFrame is the innermost place of a trace that is in a file of the project, not of an extension; false if there is none.
func (r *Run) OwnFrame(t Trace) (Frame, bool) {
	for _, f := range t {
		if r.ExtensionOf(f.File) == "" {
			f.Column = startOfCall(r.line(f), f.Column)
			return f, true
		}
	}
	return Frame{}, false
}

// OwnFiles are the paths of the Starlark files of the project that were executed, sorted.
func (r *Run) OwnFiles() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.sources)), func(path string) bool { return r.ExtensionOf(path) != "" })
}
