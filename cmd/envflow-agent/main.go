// Command envflow-agent is the small program that envflow leaves where a command runs. `envflow-agent shim` is the parent of a
// local command.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/envflow/envflow/internal/supervise"
)

// Exit codes, as far as they are not of the command: that stands in the state.
const (
	exitFailed = 1
	exitUsage  = 2
)

const usage = `usage: envflow-agent shim --dir DIR [flags] -- COMMAND [ARGUMENT...]
`

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	if verb == "shim" {
		return shim(args, stderr)
	}
	fmt.Fprint(stderr, usage)
	return exitUsage
}

// shim runs a command until it has ended for good, or this process is asked to end.
func shim(args []string, stderr io.Writer) int {
	var spec supervise.Spec
	flags := flag.NewFlagSet("shim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	spec.Flags(flags)
	if err := flags.Parse(args); err != nil {
		return exitUsage // it has said why
	}
	spec.Argv = flags.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := supervise.Run(ctx, spec)
	switch {
	case errors.Is(err, supervise.ErrHeld):
		fmt.Fprintf(stderr, "envflow-agent: %s: %s\n", spec.Dir, err)
		return exitFailed
	case err != nil:
		fmt.Fprintln(stderr, "envflow-agent:", err)
		return exitFailed
	}
	return 0
}
