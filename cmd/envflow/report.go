package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/envflow/envflow/internal/fault"
)

const exitInterrupted = 130 // 128 + SIGINT, as shells have it

// exitCodes has the exit code of each kind of error. Everything else is 1.
var exitCodes = map[fault.Kind]int{
	fault.Failure:     1,
	fault.Usage:       2,
	fault.Missing:     3,
	fault.Config:      4,
	fault.Interrupted: exitInterrupted,
}

// report prints err on stderr and returns the exit code. It is the only place that does either.
func (e *environ) report(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	if interrupted(ctx) {
		// That it was interrupted is no news to whoever pressed ctrl-C; what else went wrong, or how to go on, is.
		silent := errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))
		if !silent || fault.KindOf(err) == fault.Interrupted {
			e.printError(err)
		}
		return exitInterrupted
	}
	e.printError(err)
	if code, ok := exitCodes[fault.KindOf(err)]; ok {
		return code
	}
	return 1
}

// printError prints what failed, how to mend it and, with -v, why. Errors that were joined are printed one by one.
func (e *environ) printError(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			e.printError(err)
		}
		return
	}

	style := e.style(e.Stderr)
	put := func(label, text string) { fmt.Fprintln(e.Stderr, label, e.redact(strings.TrimSpace(text))) }

	put(style.red("Error:"), message(err))
	var f *fault.Error
	if !errors.As(err, &f) {
		return
	}
	if f.Hint != "" {
		put(style.cyan("Hint:"), f.Hint)
	}
	if e.isOn("verbose") {
		for _, cause := range causes(f) {
			put(style.dim("Cause:"), cause)
		}
	}
}

// message returns err's text without the causes that only -v shows.
func message(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	// What others wrapped around the fault says where it happened; it stays.
	return strings.Replace(err.Error(), f.Error(), f.Msg, 1)
}

// causes returns what led to f, the nearest first.
func causes(f *fault.Error) []string {
	var texts []string
	for f.Err != nil {
		texts = append(texts, message(f.Err))
		var next *fault.Error
		if !errors.As(f.Err, &next) {
			break
		}
		f = next
	}
	return texts
}

// redact replaces the secrets of the command line in text.
func (e *environ) redact(text string) string {
	for _, secret := range e.secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	return text
}
