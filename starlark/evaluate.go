package starlark

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// Options say what to evaluate, and for whom.
type Options = kit.Options

// Cache keeps what is expensive to make, from one evaluation to the next.
type Cache = kit.Cache

// NewCache returns an empty cache, for Options.Cache. Several evaluations may use it at once.
func NewCache() *Cache { return kit.NewCache() }

// Error is why a Tiltfile could not be evaluated. Its text has the place as file:line:column first, then the source line with a
// caret, the callers and a hint.
type Error = kit.Error

// Frame is a place in a Starlark file.
type Frame = kit.Frame

// total is the key of the whole time in Result.Timings.
const total = "total"

// Result is what a Tiltfile asks for.
type Result struct {
	Plan    *plan.Plan
	Timings map[string]time.Duration // by builtin, and "total"; a builtin that executes a file contains the time of what that calls
	Calls   map[string]int           // by builtin
}

// Evaluate executes a Tiltfile. An error is an *Error, and wraps that of ctx if it was cancelled. Files are read, commands of
// local() are run and extensions fetched; nothing else is touched.
func Evaluate(ctx context.Context, o Options) (*Result, error) {
	start := time.Now()
	run, err := newRun(ctx, o)
	if err == nil {
		err = evaluateMain(run)
	}
	if err != nil {
		return nil, err
	}
	timings := run.Timings()
	timings[total] = time.Since(start)
	return &Result{Plan: run.Plan, Timings: timings, Calls: run.Calls()}, nil
}

func newRun(ctx context.Context, o Options) (*kit.Run, error) {
	if !filepath.IsAbs(o.Path) {
		return nil, fmt.Errorf("evaluate %q: the path is not absolute", o.Path)
	}
	o.Path = filepath.Clean(o.Path)
	run := kit.NewRun(ctx, o)
	register(run)
	return run, nil
}

// evaluateMain is evaluate for the main Tiltfile.
func evaluateMain(run *kit.Run) error {
	if err := evaluate(run); err != nil {
		return err
	}
	if len(run.Plan.Resources) == 0 {
		run.AddWarning(kit.Warning{Rule: kit.RuleNoResources, Text: "the Tiltfile defines no resources"})
	}
	return nil
}

// evaluate executes the Tiltfile of run and makes its plan. An error is an *Error.
func evaluate(run *kit.Run) error {
	if _, err := run.Exec(run.Path); err != nil && (!errors.Is(err, kit.ErrExit) || run.Ctx.Err() != nil) {
		return run.Explain(err)
	}
	if err := run.Assemble(); err != nil {
		return run.Explain(err)
	}
	run.Plan.ConfigFiles = run.ConfigFiles()
	return nil
}

// evaluateWithin evaluates the Tiltfile of an extension that the one of run registers. What that Tiltfile allows holds for the
// extension too.
func evaluateWithin(run *kit.Run, o Options) (*plan.Plan, error) {
	own := kit.NewRun(run.Ctx, o)
	register(own)
	own.Guard = run.Guard
	return own.Plan, evaluate(own)
}

// ConfigFilesOf returns what an evaluation that failed with err had read or looked for until then: when one of them changes, it is
// worth trying again.
func ConfigFilesOf(err error) []string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.ConfigFiles
	}
	return nil
}
