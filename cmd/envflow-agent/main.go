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
	"github.com/envflow/envflow/internal/version"
)

// Exit codes, as far as they are not of the command: that stands in the state.
const (
	exitFailed = 1
	exitUsage  = 2
)

const usage = `usage: envflow-agent shim --dir DIR [flags] -- COMMAND [ARGUMENT...]
       envflow-agent version
`

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	switch verb {
	case "shim":
		return shim(args, stderr)
	case "version":
		fmt.Fprintln(os.Stdout, version.Get().Version)
		return 0
	}
	fmt.Fprint(stderr, usage)
	return exitUsage
}

// shim runs a command until it has ended for good, or this process is asked to end.
func shim(args []string, stderr io.Writer) int {
	var spec supervise.Spec
	number := 0
	flags := flag.NewFlagSet("shim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&spec.Dir, "dir", "", "folder of its state and of the command's output")
	flags.StringVar(&spec.Digest, "digest", "", "stands in the state")
	flags.IntVar(&number, "signal", 0, "number of the signal that asks the command to end (default SIGTERM)")
	flags.DurationVar(&spec.Grace, "grace", supervise.DefaultGrace, "that the command has to end before it is killed")
	flags.StringVar(&spec.Restart, "restart", supervise.RestartNever, "never, on-failure or always")
	flags.DurationVar(&spec.Backoff.First, "backoff", 0, "before the first restart (default 1s, then doubled up to 30s)")
	flags.DurationVar(&spec.Backoff.Max, "backoff-max", 0, "between restarts at most")
	flags.DurationVar(&spec.Backoff.Healthy, "backoff-reset", 0, "that the command must run for the backoff to begin anew")
	flags.IntVar(&spec.Limit.Restarts, "max-restarts", 0, "within --max-restarts-within; 0: no limit")
	flags.DurationVar(&spec.Limit.Within, "max-restarts-within", 0, "see --max-restarts")
	flags.StringVar(&spec.Holder, "holder", "", "file that is locked for as long as the command is wanted")
	flags.DurationVar(&spec.Orphan, "orphan-timeout", 0, "that --holder may be free before the command is ended; 0: for ever")
	if err := flags.Parse(args); err != nil {
		return exitUsage // it has said why
	}
	spec.Argv, spec.Signal = flags.Args(), syscall.Signal(number)
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
