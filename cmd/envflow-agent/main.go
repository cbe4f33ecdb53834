// Command envflow-agent is the small program that envflow leaves where a command runs. `envflow-agent shim` is the parent of a
// local command.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/envflow/envflow/internal/supervise"
)

const exitUsage = 2

const usage = `usage: envflow-agent shim --dir DIR [flags] -- COMMAND [ARGUMENT...]
`

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	if len(args) == 0 || args[0] != "shim" {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return supervise.Main(ctx, args[1:], stderr)
}
