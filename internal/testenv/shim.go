package testenv

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/envflow/envflow/internal/supervise"
)

// BeShim makes a test binary that was called with "shim" envflow-agent, and ends the process then: supervise.Start can be given
// the test binary as the agent. A TestMain calls it first.
func BeShim() {
	if len(os.Args) < 2 || os.Args[1] != "shim" {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM) //nolint:forbidigo // here it is a command
	code := supervise.Main(ctx, os.Args[2:], os.Stderr)
	stop()
	os.Exit(code)
}
