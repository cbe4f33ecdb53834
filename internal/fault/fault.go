// Package fault is the one error type meant for a person: a sentence that says what and where, a hint that says how to
// mend it, and the kind that decides the exit code.
//
// Any package may return one. Only cmd/envflow prints it and turns its kind into an exit code.
package fault

import (
	"errors"
	"fmt"
)

// Kind says whose move it is. The zero value is Failure.
type Kind int

const (
	Failure     Kind = iota // something went wrong; exit 1
	Usage                   // the command line is wrong; exit 2
	Missing                 // something envflow needs is not there: a daemon, a disk, a cluster; exit 3
	Config                  // a Tiltfile or a setting is wrong; exit 4
	Interrupted             // the user stopped it; exit 130
)

// Error is a failure as a person reads it.
type Error struct {
	Kind Kind
	Msg  string // one sentence without a full stop: what failed, and where
	Hint string // how to mend it, in words or as the command to run; may be empty
	Err  error  // the cause, printed with -v; may be nil
}

// Error returns the sentence and the cause, as Go code expects to read it.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	return e.Msg + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an Error without a cause. The message is formatted as by fmt.Sprintf.
func New(kind Kind, hint, format string, args ...any) *Error {
	return &Error{Kind: kind, Hint: hint, Msg: fmt.Sprintf(format, args...)}
}

// Wrap returns an Error caused by err.
func Wrap(err error, kind Kind, hint, format string, args ...any) *Error {
	return &Error{Kind: kind, Hint: hint, Msg: fmt.Sprintf(format, args...), Err: err}
}

// KindOf returns the kind of the first Error in err's chain, Failure if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Failure
}
