package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// kubectl runs kubectl with the checkout's kubeconfig and passes on its exit status.
func (t *testbed) kubectl(ctx context.Context, args []string) error {
	kubeconfig := filepath.Join(t.checkout, ".testbed/kubeconfig")
	if !exists(t.builds.kubernetes) || !exists(kubeconfig) {
		return errors.New("the testbed was not started from this checkout; run `go run ./dev/testbed`")
	}
	cmd := exec.CommandContext(ctx, t.builds.kubernetes, append([]string{"kubectl"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, t.out, os.Stderr
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitError{max(exit.ExitCode(), 1)}
	}
	if err != nil {
		return fmt.Errorf("run kubectl: %w", err)
	}
	return nil
}
