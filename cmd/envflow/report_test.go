package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/fault"
)

// failing is a tree with one command that returns err.
func failing(err error) []*cli.Command {
	return []*cli.Command{{Name: "fail", Usage: "fail", Action: func(*cli.Context) error { return err }}}
}

func TestReport(t *testing.T) {
	t.Parallel()
	dial := errors.New("dial tcp 127.0.0.1:7233: connection refused")
	unreachable := fault.Wrap(dial, fault.Missing, "run envflow server start", "the server does not answer")
	tests := []struct {
		name    string
		err     error
		code    int
		stderr  string
		verbose string // with -v, if it differs
	}{
		{name: "none"},
		{name: "plain", err: dial, code: 1, stderr: "Error: dial tcp 127.0.0.1:7233: connection refused\n"},
		{name: "failure", err: fault.New(fault.Failure, "", "it broke"), code: 1, stderr: "Error: it broke\n"},
		{name: "usage", err: fault.New(fault.Usage, "try x", "wrong"), code: 2, stderr: "Error: wrong\nHint: try x\n"},
		{
			name: "missing, with a cause", err: unreachable, code: 3,
			stderr:  "Error: the server does not answer\nHint: run envflow server start\n",
			verbose: "Error: the server does not answer\nHint: run envflow server start\nCause: dial tcp 127.0.0.1:7233: connection refused\n",
		},
		{name: "configuration", err: fault.New(fault.Config, "", "bad file"), code: 4, stderr: "Error: bad file\n"},
		{name: "interrupted", err: fault.New(fault.Interrupted, "run envflow up", "paused"), code: 130, stderr: "Error: paused\nHint: run envflow up\n"},
		{name: "unknown kind", err: &fault.Error{Kind: 99, Msg: "odd"}, code: 1, stderr: "Error: odd\n"},
		{
			name: "wrapped", err: fmt.Errorf("start the worker: %w", unreachable), code: 3,
			stderr: "Error: start the worker: the server does not answer\nHint: run envflow server start\n",
			verbose: "Error: start the worker: the server does not answer\nHint: run envflow server start\n" +
				"Cause: dial tcp 127.0.0.1:7233: connection refused\n",
		},
		{
			name: "a fault behind a fault", err: fault.Wrap(unreachable, fault.Failure, "", "up failed"), code: 1,
			stderr:  "Error: up failed\n",
			verbose: "Error: up failed\nCause: the server does not answer\nCause: dial tcp 127.0.0.1:7233: connection refused\n",
		},
		{
			name: "joined", err: errors.Join(fault.New(fault.Config, "mend a", "a is wrong"), errors.New("b is wrong")), code: 4,
			stderr: "Error: a is wrong\nHint: mend a\nError: b is wrong\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, args := range [][]string{{"fail"}, {"fail", "-v"}} {
				want := outcome{Code: tt.code, Stderr: tt.stderr}
				if len(args) > 1 && tt.verbose != "" {
					want.Stderr = tt.verbose
				}
				e, stdout, stderr := testEnviron(args)
				got := outcome{runTree(t.Context(), e, failing(tt.err)), stdout.String(), stderr.String()}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%q (-want +got):\n%s", args, diff)
				}
			}
		})
	}
}

func TestReport_ExitCodeOfAnExitCoder(t *testing.T) {
	t.Parallel()
	// urfave/cli would end the process with 7 here.
	e, _, stderr := testEnviron([]string{"fail"})
	if code := runTree(t.Context(), e, failing(cli.Exit("gone", 7))); code != 1 || stderr.String() != "Error: gone\n" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

func TestReport_Redacts(t *testing.T) {
	t.Parallel()
	cause := errors.New("Authorization: Bearer hunter2")
	err := fault.Wrap(cause, fault.Failure, "is hunter2 right?", "hunter2 was refused by token-77")
	tree := failing(err)
	e, _, stderr := testEnviron([]string{"fail", "-v", "--temporal-api-key=hunter2"})
	fail := tree[0].Action
	tree[0].Action = func(c *cli.Context) error {
		e.secret("token-77")
		return fail(c)
	}
	runTree(t.Context(), e, tree)
	want := "Error: [secret] was refused by [secret]\nHint: is [secret] right?\nCause: Authorization: Bearer [secret]\n"
	if diff := cmp.Diff(want, stderr.String()); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
}

func TestReport_Colour(t *testing.T) {
	t.Parallel()
	err := fault.New(fault.Failure, "mend it", "it broke")
	plain := "Error: it broke\nHint: mend it\n"
	coloured := "\x1b[1;31mError:\x1b[0m it broke\n\x1b[36mHint:\x1b[0m mend it\n"
	tests := []struct {
		name     string
		args     []string
		env      []string
		terminal bool
		want     string
	}{
		{name: "terminal", terminal: true, want: coloured},
		{name: "no terminal", want: plain},
		{name: "NO_COLOR", env: []string{"NO_COLOR=0"}, terminal: true, want: plain},
		{name: "empty NO_COLOR", env: []string{"NO_COLOR="}, terminal: true, want: coloured},
		{name: "dumb", env: []string{"TERM=dumb"}, terminal: true, want: plain},
		{name: "flag", args: []string{"--no-color"}, terminal: true, want: plain},
		{name: "flag off", args: []string{"--no-color=false"}, terminal: true, want: coloured},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, _, stderr := testEnviron(append([]string{"fail"}, tt.args...), tt.env...)
			e.IsTerminal = func(stream any) bool { return tt.terminal && stream == any(stderr) }
			runTree(t.Context(), e, failing(err))
			if diff := cmp.Diff(tt.want, stderr.String()); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReport_Panic(t *testing.T) {
	t.Parallel()
	e, stdout, stderr := testEnviron([]string{"fail"})
	tree := failing(nil)
	tree[0].Action = func(*cli.Context) error { panic("boom") }
	code := runTree(t.Context(), e, tree)
	if code != 1 || stdout.Len() > 0 {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
	for _, want := range []string{"report_test.go", "\nError: envflow crashed: boom\n", "\nHint: this is a fault in envflow"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("no %q in %s", want, stderr)
		}
	}
}

// TestReport_Cancelled has a context that no signal cancelled: that is a failure like any other.
func TestReport_Cancelled(t *testing.T) {
	t.Parallel()
	e, _, stderr := testEnviron([]string{"fail"})
	if code := runTree(t.Context(), e, failing(context.Canceled)); code != 1 || stderr.String() != "Error: context canceled\n" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}
