package kit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/envflow/envflow/internal/plan"
)

const (
	pipeDelay = 2 * time.Second // how long a command's children may hold its output after it ended
	maxOutput = 64 << 20        // bytes that a command may print
)

// Command prepares a program that the evaluation runs: with the variables that the Tiltfile has set, and the kubeconfig of the
// environment. When ctx ends, the program and its children do.
func (r *Run) Command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	ownGroup(cmd)
	cmd.WaitDelay = pipeDelay
	cmd.Env = r.Environ.List()
	if r.KubeConfigPath != "" && !r.Environ.Changed("KUBECONFIG") {
		cmd.Env = append(cmd.Env, "KUBECONFIG="+r.KubeConfigPath)
	}
	return cmd
}

// ErrTooMuch is why a command was ended that prints without end.
var ErrTooMuch = fmt.Errorf("printed more than %d MiB", maxOutput>>20)

// Capture runs what Command has prepared and returns what it printed, which cmd.Stdout and cmd.Stderr get too if they are set.
func Capture(ctx context.Context, cmd *exec.Cmd) (stdout, stderr string, err error) {
	out, errOut := &limited{cmd: cmd}, &limited{cmd: cmd}
	cmd.Stdout, cmd.Stderr = both(out, cmd.Stdout), both(errOut, cmd.Stderr)
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case out.full || errOut.full:
		err = fmt.Errorf("command %q %w", plan.CommandLine(cmd.Args), ErrTooMuch)
	case errors.Is(err, exec.ErrWaitDelay): // it has ended, and its children go on
		err = nil
	}
	return out.text.String(), errOut.text.String(), err
}

func both(out, other io.Writer) io.Writer {
	if other == nil {
		return out
	}
	return io.MultiWriter(out, other)
}

// limited keeps a command's output. One that goes on for ever would take all memory.
type limited struct {
	cmd  *exec.Cmd
	text bytes.Buffer
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.text.Len()+len(p) > maxOutput {
		l.full = true
		_ = l.cmd.Cancel() // it may have ended already; a loop in a shell goes on when nobody reads what its commands print
		return 0, ErrTooMuch
	}
	return l.text.Write(p)
}
