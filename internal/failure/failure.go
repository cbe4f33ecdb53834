package failure

import (
	"errors"
	"fmt"
)

// Class says what is to be done about an error. It is the type of the application error in a history.
type Class string

// Classes.
const (
	User           Class = "user"           // shown at once, not tried again until something changes
	Transient      Class = "transient"      // tried again, with backoff
	Infrastructure Class = "infrastructure" // waited for: Needs does not answer
	Superseded     Class = "superseded"     // no failure: what was asked for is not wanted any more, and what is comes in a moment
)

// What an infrastructure failure needs.
const (
	Docker  = "docker"
	Cluster = "cluster"
)

// Error is a classified error.
type Error struct {
	Class   Class
	Summary string // one line; may enter a history
	Needs   string // of Infrastructure: Docker or Cluster
	Err     error  // the whole story, may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Summary
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// UserError returns an error that the user must mend. summary may enter a history, err need not.
func UserError(err error, summary string, args ...any) error {
	return &Error{Class: User, Summary: fmt.Sprintf(summary, args...), Err: err}
}

// TransientError returns an error that may be gone at the next try.
func TransientError(err error, summary string, args ...any) error {
	return &Error{Class: Transient, Summary: fmt.Sprintf(summary, args...), Err: err}
}

// SupersededError says that something else is wanted by now.
func SupersededError(summary string) error { return &Error{Class: Superseded, Summary: summary} }

// Missing returns an error that lasts until needs (Docker, Cluster) answers.
func Missing(err error, needs, summary string, args ...any) error {
	return &Error{Class: Infrastructure, Needs: needs, Summary: fmt.Sprintf(summary, args...), Err: err}
}

// Of returns the classified error in err's chain. An error that nobody classified is transient, with a summary that tells
// nothing: its text may hold what must not enter a history.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Class: Transient, Summary: "failed; the log says why", Err: err}
}
