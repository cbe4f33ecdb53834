package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/fault"
)

// run does what the command line says and returns the exit code. It is main without the process around it.
func run(ctx context.Context, e *environ) int {
	if e.Name == tiltName {
		return runApp(ctx, e, newTiltApp(e))
	}
	return runTree(ctx, e, commands(e))
}

// runTree is run over a given set of commands.
func runTree(ctx context.Context, e *environ, tree []*cli.Command) int {
	return runApp(ctx, e, newApp(e, tree))
}

func runApp(ctx context.Context, e *environ, app *cli.App) int {
	ctx, stop := watchSignals(ctx, e)
	defer stop()
	return e.report(ctx, execute(ctx, e, app))
}

// execute parses the command line and runs the command it names.
func execute(ctx context.Context, e *environ, app *cli.App) (err error) {
	// A panic would exit with 2, which promises that only the command line is wrong.
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(e.Stderr, "%s\n", debug.Stack())
			err = fault.New(fault.Failure, "this is a fault in envflow: please report it with the lines above", "envflow crashed: %v", p)
		}
	}()

	line, err := parseLine(e, app)
	if err != nil {
		return err
	}
	if line.help {
		return e.write(func(w *styledWriter) { e.writeHelp(w, line.path) })
	}
	return app.RunContext(ctx, line.words())
}
