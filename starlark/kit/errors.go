package kit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"go.starlark.net/resolve"
	gostarlark "go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Error is why a Tiltfile could not be evaluated, with the place.
type Error struct {
	File        string   // absolute path of the Starlark file; "" if no place is known
	Line        int      // from 1
	Column      int      // from 1, in runes
	Message     string   // what is wrong; may be several lines, and may quote files or the output of a command
	Builtin     string   // the builtin that failed, "" if none
	Source      string   // the line of the file
	Stack       Trace    // innermost first; Stack[0] is the place
	Hint        string   // what to do about it, may be ""
	ConfigFiles []string // all that was read or looked for until then

	display func(path string) string
	err     error
}

func (e *Error) Unwrap() error { return e.err }

// maxShown is how many calls of a long stack are shown at each end.
const maxShown = 10

// Error returns the text for people: the place and the message, the source line with a caret, the callers, the hint.
func (e *Error) Error() string {
	if e.File == "" {
		return e.Message + hintLine(e.Hint)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.place(Frame{File: e.File, Line: e.Line, Column: e.Column}), e.Message)
	if e.Source != "" {
		number := fmt.Sprint(e.Line)
		fmt.Fprintf(&b, "\n  %s | %s\n  %s | %s^", number, e.Source, strings.Repeat(" ", len(number)), blank(e.Source, e.Column-1))
	}
	if len(e.Stack) > 1 {
		b.WriteString("\ncalled from:")
		for i, f := range e.Stack[1:] {
			if left := len(e.Stack) - 1 - 2*maxShown; i >= maxShown && i < maxShown+left {
				if i == maxShown {
					fmt.Fprintf(&b, "\n  (%d more)", left)
				}
				continue
			}
			fmt.Fprintf(&b, "\n  %s in %s", e.place(f), f.Function)
		}
	}
	b.WriteString(hintLine(e.Hint))
	return b.String()
}

// Summary says where and in which builtin it failed, in one line that quotes nothing: it may enter a history.
func (e *Error) Summary() string {
	what := "the Tiltfile cannot be evaluated"
	if e.Builtin != "" {
		what = e.Builtin + " failed"
	}
	if e.File == "" {
		return what
	}
	return fmt.Sprintf("%s: %s", e.place(Frame{File: e.File, Line: e.Line, Column: e.Column}), what)
}

func (e *Error) place(f Frame) string {
	path := f.File
	if e.display != nil {
		path = e.display(path)
	}
	return fmt.Sprintf("%s:%d:%d", path, f.Line, f.Column)
}

func hintLine(hint string) string {
	if hint == "" {
		return ""
	}
	return "\nhint: " + hint
}

// blank returns white space as wide as the first n runes of line.
func blank(line string, n int) string {
	var b strings.Builder
	for i, c := range []rune(line) {
		if i >= n {
			break
		}
		if c != '\t' {
			c = ' '
		}
		b.WriteRune(c)
	}
	return b.String()
}

// located is an error that happened at another place than where it is returned.
type located struct {
	at   Trace
	name string
	err  error
}

func (l *located) Error() string { return l.err.Error() }
func (l *located) Unwrap() error { return l.err }

// At says that err is about an earlier call of the builtin name, unless err has a place of its own.
func At(at Trace, name string, err error) error {
	if err == nil || inOtherFile(err) {
		return err
	}
	return &located{at: at, name: name, err: named(name, err)}
}

type hinted struct {
	hint string
	err  error
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// Hint says what to do about err.
func Hint(err error, format string, args ...any) error {
	return &hinted{hint: fmt.Sprintf(format, args...), err: err}
}

// plain is an error whose message is the Tiltfile's own.
type plain struct{ msg string }

func (p *plain) Error() string { return p.msg }

// Plain returns an error whose message is shown without the builtin's name.
func Plain(msg string) error { return &plain{msg: msg} }

// maxTail is how much of an output a message quotes, in bytes.
const maxTail = 4 << 10

// Tail returns the end of what a command wrote, for a message.
func Tail(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > maxTail {
		text = "... " + strings.ToValidUTF8(text[len(text)-maxTail:], "")
	}
	return text
}

// inOtherFile reports whether err has a place of its own.
func inOtherFile(err error) bool {
	if _, ok := errors.AsType[*gostarlark.EvalError](err); ok {
		return true
	}
	if _, ok := errors.AsType[syntax.Error](err); ok {
		return true
	}
	_, ok := errors.AsType[resolve.ErrorList](err)
	return ok
}

// Explain turns what an evaluation returned into an Error.
func (r *Run) Explain(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok { // of a Tiltfile that was evaluated within this one
		e.ConfigFiles = r.ConfigFiles()
		return e
	}
	e := &Error{Message: err.Error(), ConfigFiles: r.ConfigFiles(), display: r.Display, err: err}
	if h, ok := errors.AsType[*hinted](err); ok {
		e.Hint = h.hint
	}
	// Each file that another one loads has a stack of its own: innermost file, innermost call first.
	for next := err; ; {
		inner, ok := errors.AsType[*gostarlark.EvalError](next)
		if !ok {
			break
		}
		e.Stack = append(traceOf(inner.CallStack), e.Stack...)
		e.Message = inner.Msg
		e.Builtin = ""
		if n := len(inner.CallStack); n > 0 && inner.CallStack.At(0).Pos.Filename() == builtinFile {
			e.Builtin = inner.CallStack.At(0).Name
		}
		next = inner.Unwrap()
		if next == nil {
			break
		}
	}
	if l, ok := errors.AsType[*located](err); ok {
		e.Stack, e.Message, e.Builtin = append(Trace{}, l.at...), l.Error(), l.name
	}
	if s, ok := errors.AsType[syntax.Error](err); ok {
		e.Stack = append(Trace{frameOf(s.Pos)}, e.Stack...)
		e.Message, e.Builtin = s.Msg, ""
	}
	if list, ok := errors.AsType[resolve.ErrorList](err); ok && len(list) > 0 {
		e.Stack = append(Trace{frameOf(list[0].Pos)}, e.Stack...)
		e.Message, e.Builtin = list[0].Msg, ""
		for _, other := range list[1:] {
			e.Message += fmt.Sprintf("\n%s: %s", e.place(frameOf(other.Pos)), other.Msg)
		}
	}
	if name, ok := strings.CutPrefix(e.Message, "undefined: "); ok && e.Hint == "" {
		name, _, _ = strings.Cut(name, "\n")
		if near := Closest(name, r.GlobalNames()); near != "" && !strings.Contains(name, " ") { // else the interpreter has a hint
			e.Hint = fmt.Sprintf("did you mean %s?", near)
		}
	}
	if cancelled := r.Ctx.Err(); cancelled != nil {
		e.Message, e.err = "the evaluation was cancelled", cancelled
	}
	e.Message = strings.TrimPrefix(e.Message, "Starlark computation cancelled: ")
	r.toStarts(e.Stack)
	if len(e.Stack) > 0 {
		e.File, e.Line, e.Column = e.Stack[0].File, e.Stack[0].Line, e.Stack[0].Column
		e.Source = r.line(e.Stack[0])
	}
	return e
}

// CalledFrom adds the call because of which a Tiltfile was evaluated within this one to its error.
func (r *Run) CalledFrom(at Trace, e *Error) {
	at = slices.Clone(at)
	r.toStarts(at)
	e.Stack = append(e.Stack, at...)
}

// toStarts moves the columns of frames to where their calls start.
func (r *Run) toStarts(frames Trace) {
	for i := range frames {
		frames[i].Column = startOfCall(r.line(frames[i]), frames[i].Column)
	}
}

// GlobalNames are the names that a file can use without defining them.
func (r *Run) GlobalNames() []string {
	names := slices.AppendSeq(gostarlark.Universe.Keys(), maps.Keys(r.predeclared(r.Path)))
	slices.Sort(names)
	return names
}

func frameOf(pos syntax.Position) Frame {
	return Frame{File: pos.Filename(), Line: int(pos.Line), Column: max(1, int(pos.Col)), Function: "<toplevel>"}
}

// line returns the source line of a frame, "" if the file is not known.
func (r *Run) line(f Frame) string {
	n := 0
	for line := range strings.Lines(r.sources[f.File]) {
		if n++; n == f.Line {
			return strings.TrimRight(line, "\r\n")
		}
	}
	return ""
}

// startOfCall moves a column from the parenthesis of a call, which is what Starlark reports, to the name before it.
func startOfCall(line string, column int) int {
	runes := []rune(line)
	at := column - 1
	if at < 1 || at >= len(runes) || runes[at] != '(' {
		return column
	}
	for at > 0 && (unicode.IsLetter(runes[at-1]) || unicode.IsDigit(runes[at-1]) || runes[at-1] == '_' || runes[at-1] == '.') {
		at--
	}
	return at + 1
}
