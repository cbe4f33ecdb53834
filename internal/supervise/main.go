package supervise

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
)

// Exit codes of a shim, not of its command: that stands in the state.
const (
	exitFailed = 1
	exitUsage  = 2
)

// Main is `envflow-agent shim` with these words after it, see Flags. It runs a command until that has ended for good, or ctx ends,
// and returns the exit code of the process, which must have no other children.
func Main(ctx context.Context, args []string, stderr io.Writer) (code int) {
	var spec Spec
	flags := flag.NewFlagSet("shim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	spec.Flags(flags)
	if flags.Parse(args) != nil {
		return exitUsage // it has said why
	}
	spec.Argv = flags.Args()
	err := Run(ctx, spec)
	if errors.Is(err, ErrHeld) {
		err = fmt.Errorf("%s: %w", spec.Dir, err)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "envflow-agent:", err) // nobody is left to hear of another error
		return exitFailed
	}
	return 0
}
