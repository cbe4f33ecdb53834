package temporal

import (
	"fmt"
	"strings"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// fatal is what Temporal would have ended the process with.
type fatal struct {
	msg  string
	tags []tag.Tag
}

func (f fatal) Error() string {
	text := f.msg
	for _, t := range f.tags {
		text += fmt.Sprintf("; %s: %v", t.Key(), t.Value())
	}
	return text
}

// Unwrap returns the cause, if Temporal gave one.
func (f fatal) Unwrap() error {
	for _, t := range f.tags {
		// A tag's Value has the text only.
		if z, ok := t.(tag.ZapTag); ok {
			if err, ok := z.Field().Interface.(error); ok {
				return err
			}
		}
	}
	return nil
}

// panicLogger is Temporal's logger with three changes. It turns Temporal's habit of ending the process by Logger.Fatal, such as when a port is taken, into a panic,
// which New turns into an error; elsewhere it ends the process all the same. It leaves out a warning that is none. And while
// the server stops, it leaves out all warnings: they only say that one service misses another that has ended already.
type panicLogger struct {
	log.Logger
	stopping *atomic.Bool
}

func newLogger(level string, stopping *atomic.Bool) log.Logger {
	// Without a file it writes to standard error.
	return panicLogger{log.NewZapLogger(log.BuildZapLogger(log.Config{Level: level, Format: "console"})), stopping}
}

// Fatal implements log.Logger.
func (l panicLogger) Fatal(msg string, tags ...tag.Tag) {
	l.Error(msg, tags...)
	panic(fatal{msg: msg, tags: tags})
}

// Warn implements log.Logger.
func (l panicLogger) Warn(msg string, tags ...tag.Tag) {
	// That the frontend has no HTTP port is what we want, and nothing that whoever reads the log can change.
	if !l.stopping.Load() && !strings.HasPrefix(msg, "HTTP API port has not been set") {
		l.Logger.Warn(msg, tags...)
	}
}

// recoverFatal makes an error of a fatal that is on its way up. Call it deferred.
func recoverFatal(err *error) {
	switch p := recover().(type) {
	case nil:
	case fatal:
		*err = p
	default:
		panic(p)
	}
}
