//go:build unix

package supervise_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/supervise"
	"github.com/envflow/envflow/internal/testenv"
)

func TestFlags_AreTheWayBackOfArgs(t *testing.T) {
	t.Parallel()
	want := supervise.Spec{
		Dir: "/d", Argv: []string{"sh", "-c", "echo --dir"}, Digest: "d", Signal: syscall.SIGINT, Grace: time.Second, Restart: supervise.RestartAlways,
		Backoff: supervise.Backoff{First: 1, Max: 2, Healthy: 3}, Limit: supervise.Limit{Restarts: 5, Within: time.Hour}, Holder: "/h", Orphan: time.Minute,
	}
	var got supervise.Spec
	flags := flag.NewFlagSet("shim", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	got.Flags(flags)
	if err := flags.Parse(want.Args()); err != nil {
		t.Fatal(err)
	}
	got.Argv = flags.Args()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// background is a folder with a shim in the background.
type background struct {
	t   *testing.T
	dir string
}

func newBackground(t *testing.T) *background {
	t.Helper()
	b := &background{t: t, dir: filepath.Join(t.TempDir(), "shim")}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
		defer cancel()
		if err := supervise.Stop(ctx, b.dir); err != nil {
			t.Errorf("stop: %v", err)
		}
		b.nothingLeft()
	})
	return b
}

// nothingLeft waits until no process has the mark: a shim lets go of its folder just before it ends. It works in a cleanup too.
func (b *background) nothingLeft() {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); len(b.marked()) > 0; <-tick.C {
		if time.Now().After(deadline) {
			b.t.Errorf("processes %v are left", b.marked())
			return
		}
	}
}

func (b *background) start(argv ...string) (supervise.State, error) {
	b.t.Helper()
	executable, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	return supervise.Start(b.t.Context(), executable, supervise.Spec{Dir: b.dir, Argv: argv, Grace: limit}, os.Environ(), b.t.TempDir())
}

// marked are the processes with the mark of the folder.
func (b *background) marked() (pids []int) {
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environments {
		data, err := os.ReadFile(path)
		if pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && slices.Contains(strings.Split(string(data), "\x00"), "ENVFLOW_SHIM="+b.dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestStart_AndStop(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	state, err := b.start("sh", "-c", "sleep 1000 & wait")
	if err != nil {
		t.Fatal(err)
	}
	if !state.Alive() || !state.Command.Alive() || state.Phase != supervise.PhaseRunning {
		t.Errorf("the state is %+v", state)
	}
	if _, err := b.start("true"); !errors.Is(err, supervise.ErrHeld) {
		t.Errorf("a second shim: %v", err)
	}
	if err := supervise.Stop(t.Context(), b.dir); err != nil {
		t.Fatal(err)
	}
	b.nothingLeft()
	if state, err := supervise.Read(b.dir); err != nil || state.Phase != supervise.PhaseEnded || !state.Stopped {
		t.Errorf("afterwards the state is %+v, %v", state, err)
	}
	if err := supervise.Stop(t.Context(), b.dir); err != nil {
		t.Errorf("once more: %v", err)
	}
}

func TestStart_WhatCannotRun(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	if _, err := b.start("no-such-command-of-a-test"); !errors.Is(err, supervise.ErrCommand) || !strings.Contains(err.Error(), "no-such-command-of-a-test") {
		t.Errorf("the error is %v", err)
	}
	if _, err := b.start("true"); err != nil { // the folder is free again
		t.Error(err)
	}
}

func TestStart_EndsWhatAKilledShimLeft(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	// One of them leaves the session and its parents.
	first, err := b.start("sh", "-c", "setsid sh -c 'sleep 1000 & sleep 1000' & trap '' TERM; sleep 1000 & wait; sleep 1000")
	if err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "all of its processes run", func() error {
		if n := len(b.marked()); n < 6 {
			return fmt.Errorf("there are %d", n)
		}
		return nil
	})
	before := b.marked()
	if err := syscall.Kill(first.Shim.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "the shim is gone", func() error {
		if first.Alive() {
			return errors.New("it is there")
		}
		return nil
	})
	second, err := b.start("sleep", "1000")
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range b.marked() {
		if slices.Contains(before, pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	if !second.Command.Alive() {
		t.Error("the second one does not run")
	}
}

func TestStop_EndsWhatAKilledShimLeft(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	state, err := b.start("sh", "-c", "trap '' TERM; sleep 1000 & wait; sleep 1000")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(state.Shim.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "the command is gone", func() error {
		if err := supervise.Stop(t.Context(), b.dir); err != nil {
			return err
		}
		if left := b.marked(); len(left) > 0 {
			return fmt.Errorf("processes %v are left", left)
		}
		return nil
	})
}

func TestStart_TellsARestartedCommand(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec := supervise.Spec{
		Dir: b.dir, Argv: []string{"sh", "-c", "echo run ${ENVFLOW_RESTARTS:-0}; [ ${ENVFLOW_RESTARTS:-0} = 2 ]"}, Restart: supervise.RestartOnFailure,
		Backoff: supervise.Backoff{First: time.Millisecond, Max: time.Millisecond, Healthy: time.Hour},
	}
	if _, err := supervise.Start(t.Context(), executable, spec, os.Environ(), "/"); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "it has ended", func() error {
		if s, err := supervise.Read(b.dir); err != nil || s.Phase != supervise.PhaseEnded || s.Stopped {
			return fmt.Errorf("the state is %+v, %w", s, err)
		}
		return nil
	})
	var lines []string
	if _, err := supervise.ReadLines(b.dir, supervise.Cursor{}, func(l supervise.Line) { lines = append(lines, l.Text) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"run 0", "run 1", "run 2"}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// A command that has ended before anybody could look at it was started all the same.
func TestStart_WhatEndsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	for i := range 10 {
		if _, err := b.start("true"); err != nil {
			t.Fatalf("the start number %d: %v", i, err)
		}
		if state, err := supervise.Await(t.Context(), b.dir); err != nil || state.Last == nil || state.Last.Code != 0 {
			t.Fatalf("the state is %+v, %v", state, err)
		}
	}
}

// A path may hold what has a meaning in a pattern.
func TestStart_InAFolderWithAnOddName(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	b.dir = filepath.Join(t.TempDir(), `[a] * ? \`)
	for range 2 {
		if _, err := b.start("echo", "hello"); err != nil {
			t.Fatal(err)
		}
		if _, err := supervise.Await(t.Context(), b.dir); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	if _, err := supervise.ReadLines(b.dir, supervise.Cursor{}, func(supervise.Line) { n++ }); err != nil || n != 2 {
		t.Errorf("%d lines, %v", n, err)
	}
}

// A file that was torn by a loss of power says as much as none.
func TestStop_WithAStateThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	if _, err := b.start("sleep", "1000"); err != nil {
		t.Fatal(err)
	}
	if err := supervise.Stop(t.Context(), b.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "state.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := supervise.Stop(t.Context(), b.dir); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := b.start("sleep", "1000"); err != nil {
		t.Errorf("start: %v", err)
	}
}

// Some programs write over their environment, and sudo drops it: the session has them all the same.
func TestStop_EndsWhatHasLostItsMark(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	state, err := b.start("env", "-i", "sleep", "1000")
	if err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "the mark is gone", func() error {
		if n := len(b.marked()); n != 1 {
			return fmt.Errorf("%d processes have it", n)
		}
		return nil
	})
	if err := syscall.Kill(state.Shim.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "the command is gone", func() error {
		if err := supervise.Stop(t.Context(), b.dir); err != nil {
			return err
		}
		if state.Command.Alive() {
			return errors.New("it lives")
		}
		return nil
	})
}

// A daemon that a command leaves when it ends by itself stays, and a job that it has left in its session does not.
func TestStart_LetsDaemonsBe(t *testing.T) {
	t.Parallel()
	b := newBackground(t)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec := supervise.Spec{Dir: b.dir, Argv: []string{"sh", "-c", "setsid sleep 1001 >/dev/null 2>&1 & sleep 1002 >/dev/null 2>&1 & sleep 0.2"}, Grace: limit, Daemons: true}
	run := func() {
		t.Helper()
		if _, err := supervise.Start(t.Context(), executable, spec, os.Environ(), "/"); err != nil {
			t.Fatal(err)
		}
		if _, err := supervise.Await(t.Context(), b.dir); err != nil {
			t.Fatal(err)
		}
	}
	lines := func() (all []string) {
		for _, pid := range b.marked() {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			all = append(all, strings.ReplaceAll(strings.TrimRight(string(line), "\x00"), "\x00", " "))
		}
		return all
	}
	run()
	if got := lines(); !slices.Equal(got, []string{"sleep 1001"}) {
		t.Errorf("after the first run there are %q", got)
	}
	run()
	if got := lines(); !slices.Equal(got, []string{"sleep 1001", "sleep 1001"}) {
		t.Errorf("after the second run there are %q", got)
	}
	for _, pid := range b.marked() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	testenv.Eventually(t, limit, "they are gone", func() error {
		if n := len(b.marked()); n > 0 {
			return fmt.Errorf("%d are left", n)
		}
		return nil
	})
}
