package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/fault"
)

func TestSignal_First(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		result func(ctx context.Context) error // what the command returns once ctx is done
		code   int
		stderr string
	}{
		{name: "ended well", result: func(context.Context) error { return nil }},
		{name: "gave up", result: func(ctx context.Context) error { return ctx.Err() }, code: 130},
		{name: "gave up in a step", result: func(ctx context.Context) error { return fmt.Errorf("build api: %w", ctx.Err()) }, code: 130},
		{name: "gave the cause", result: context.Cause, code: 130},
		{
			name: "failed to clean up", result: func(context.Context) error { return errors.New("restore the Service: forbidden") },
			code: 130, stderr: "Error: restore the Service: forbidden\n",
		},
		{
			name: "says how to go on", code: 130, stderr: "Error: paused\nHint: run envflow up\n",
			result: func(ctx context.Context) error {
				return fault.Wrap(ctx.Err(), fault.Interrupted, "run envflow up", "paused")
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e, _, stderr := testEnviron([]string{"wait"})
				e.Notify = func(c chan<- os.Signal) func() {
					c <- syscall.SIGTERM
					return func() {}
				}
				e.Exit = func(int) { t.Error("one signal ended the process") }
				tree := []*cli.Command{{Name: "wait", Usage: "wait", Action: func(c *cli.Context) error {
					<-c.Context.Done()
					return tt.result(c.Context)
				}}}
				code := runTree(t.Context(), e, tree)
				if diff := cmp.Diff([]any{tt.code, tt.stderr}, []any{code, stderr.String()}); diff != "" {
					t.Errorf("exit code and stderr (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestSignal_Second(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _, _ := testEnviron([]string{"wait"})
		var signals chan<- os.Signal
		unsubscribed := false
		e.Notify = func(c chan<- os.Signal) func() {
			signals = c
			return func() { unsubscribed = true }
		}
		exited := make(chan int)
		e.Exit = func(code int) { exited <- code }
		tree := []*cli.Command{{Name: "wait", Usage: "wait", Action: func(c *cli.Context) error {
			signals <- syscall.SIGINT
			<-c.Context.Done()
			signals <- syscall.SIGINT // it hangs while it cleans up
			if code := <-exited; code != 130 {
				t.Errorf("exit code %d", code)
			}
			return nil
		}}}
		runTree(t.Context(), e, tree)
		if !unsubscribed {
			t.Error("signals are still watched")
		}
	})
}

func TestInterrupt_Error(t *testing.T) {
	t.Parallel()
	if got, want := (interrupt{syscall.SIGINT}).Error(), "interrupted by interrupt"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
