package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit statuses of the command. internal/testenv skips tests on exitCannotRun.
const (
	exitFailed    = 1
	exitUsage     = 2
	exitCannotRun = 3 // this machine cannot run the testbed at all
)

const usage = `usage: go run ./dev/testbed [COMMAND]

  up                  adopt, repair or start the testbed, and write .testbed/kubeconfig (the default)
  status [NAME]       say how it is; exit status 1 if it is not healthy
  kill NAME           end a daemon with SIGKILL
  stop NAME           end a daemon in its own time
  start NAME          start a daemon and wait until it answers
  restart NAME        stop and start
  kubectl ...         run kubectl with .testbed/kubeconfig
  down                stop everything and take its traces off the machine (downloads and builds stay)

NAME: apiserver etcd controller-manager scheduler kubelet kube-proxy containerd dockerd registry coredns
`

var (
	// errUsage marks a command line that makes no sense.
	errUsage = errors.New("wrong usage")
	// errCannotRun marks a machine on which the testbed cannot run whatever one does.
	errCannotRun = errors.New("the testbed cannot run here")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out one command line and returns the exit status.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	err := dispatch(ctx, args, out)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.status
	case errors.Is(err, errUsage):
		fmt.Fprintf(errOut, "testbed: %v\n\n%s", err, usage)
		return exitUsage
	}
	fmt.Fprintf(errOut, "testbed: %v\n", err)
	if errors.Is(err, errCannotRun) {
		return exitCannotRun
	}
	return exitFailed
}

// exitError ends the command with a status and without a word; everything has been said.
type exitError struct{ status int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	command, rest := "up", []string(nil)
	if len(args) > 0 {
		command, rest = args[0], args[1:]
	}
	if command == "help" || command == "-h" || command == "--help" {
		fmt.Fprint(out, usage)
		return nil
	}
	t, err := open(out)
	if err != nil {
		return err
	}
	switch command {
	case "kubectl":
		return t.kubectl(ctx, rest)
	case "up", "down":
		if len(rest) > 0 {
			return fmt.Errorf("%w: %s takes no argument", errUsage, command)
		}
		if command == "up" {
			return t.up(ctx)
		}
		return t.locked(ctx, t.down)
	case "status":
		if len(rest) > 1 {
			return fmt.Errorf("%w: status takes at most one NAME", errUsage)
		}
		return t.status(ctx, rest)
	case "kill", "stop", "start", "restart":
		if len(rest) != 1 {
			return fmt.Errorf("%w: %s takes one NAME", errUsage, command)
		}
		return t.control(ctx, command, rest[0])
	}
	return fmt.Errorf("%w: unknown command %q", errUsage, command)
}
