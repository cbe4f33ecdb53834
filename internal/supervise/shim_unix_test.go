//go:build unix

package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/envflow/envflow/internal/supervise"
	"github.com/envflow/envflow/internal/testenv"
)

func TestMain(m *testing.M) {
	testenv.BeShim()
	os.Exit(m.Run())
}

// shim is a shim of a test.
type shim struct {
	t    *testing.T
	spec supervise.Spec
	cmd  *exec.Cmd
	out  strings.Builder
	gone chan struct{}
}

// limit is how long a test waits for what takes a moment.
const limit = 20 * time.Second

// run starts a shim whose command is a script. The script's processes carry a mark, by which those that are left are found.
func run(t *testing.T, script string, change ...func(*supervise.Spec)) *shim {
	t.Helper()
	s := &shim{t: t, gone: make(chan struct{})}
	s.spec = supervise.Spec{Dir: t.TempDir(), Argv: []string{"sh", "-c", script}, Grace: limit}
	for _, c := range change {
		c(&s.spec)
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), executable, append([]string{"shim"}, s.spec.Args()...)...)
	s.cmd.Env = append(os.Environ(), s.mark())
	s.cmd.Stderr = &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.gone)
		_ = s.cmd.Wait() // the tests look at the state
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-s.gone:
		case <-time.After(limit):
			t.Error("the shim does not end")
			_ = s.cmd.Process.Kill()
		}
		for _, pid := range s.left() {
			t.Errorf("process %d is left", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if t.Failed() {
			t.Logf("the shim says %q, its state is %+v", s.out.String(), s.state())
		}
	})
	return s
}

func (s *shim) mark() string { return "MARK_OF_A_TEST=" + s.spec.Dir }

// left returns the processes with this shim's mark, but for the shim.
func (s *shim) left() (pids []int) {
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environments {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if data, err := os.ReadFile(path); err == nil && pid != s.cmd.Process.Pid && strings.Contains(string(data), s.mark()+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (s *shim) state() supervise.State {
	state, _ := supervise.Read(s.spec.Dir) // none yet is the zero state
	return state
}

func (s *shim) until(what string, condition func(supervise.State) bool) supervise.State {
	s.t.Helper()
	var state supervise.State
	testenv.Eventually(s.t, limit, what, func() error {
		if state = s.state(); !condition(state) {
			return fmt.Errorf("the state is %+v", state)
		}
		return nil
	})
	return state
}

func (s *shim) untilEnded() supervise.State {
	s.t.Helper()
	select {
	case <-s.gone:
	case <-time.After(limit):
		s.t.Fatalf("the shim has not ended: %+v", s.state())
	}
	state := s.state()
	if state.Phase != supervise.PhaseEnded {
		s.t.Errorf("the state is %+v", state)
	}
	return state
}

// untilPrinted waits for lines, whatever their order.
func (s *shim) untilPrinted(lines ...string) {
	s.t.Helper()
	testenv.Eventually(s.t, limit, "output", func() error {
		got := s.lines()
		for _, want := range lines {
			if !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+want+"\n") {
				return fmt.Errorf("there is no line %q in %q", want, got)
			}
		}
		return nil
	})
}

func (s *shim) lines() (texts []string) {
	if _, err := supervise.ReadLines(s.spec.Dir, supervise.Cursor{}, func(l supervise.Line) { texts = append(texts, l.Text) }); err != nil {
		s.t.Error(err)
	}
	return texts
}

func (s *shim) stop() supervise.State {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	return s.untilEnded()
}

func TestShim_SaysHowTheCommandEnded(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]supervise.Exit{
		"exit 0":      {Code: 0},
		"exit 7":      {Code: 7},
		"kill -9 $$":  {Code: 137, Signal: "killed"},
		"kill -15 $$": {Code: 143, Signal: "terminated"},
	} {
		s := run(t, script, func(spec *supervise.Spec) { spec.Digest = "d1" })
		state := s.untilEnded()
		if got := state.Last; got == nil || got.Code != want.Code || got.Signal != want.Signal || state.Digest != "d1" {
			t.Errorf("%s: %+v, exit %+v", script, state, state.Last)
		}
		if state.Alive() || state.Command.Alive() {
			t.Errorf("%s: something is alive", script)
		}
	}
	state := run(t, "", func(spec *supervise.Spec) { spec.Argv = []string{"/no/such/program"} }).untilEnded()
	if state.Last != nil || !strings.Contains(state.Error, "/no/such/program") {
		t.Errorf("no such program: %+v", state)
	}
}

// A stop reaches all that the command has started, wherever it went, and waits for it.
func TestShim_EndsAllThatBelongsToTheCommand(t *testing.T) {
	t.Parallel()
	s := run(t, `(sleep 1000 & exec sleep 1001) & (setsid sh -c 'sleep 1002 & echo forked twice; wait' &) ; sleep 1003 & echo started; wait`)
	s.untilPrinted("started", "forked twice")
	testenv.Eventually(t, limit, "all run", func() error {
		if n := len(s.left()); n < 6 {
			return fmt.Errorf("%d processes run", n)
		}
		return nil
	})
	state := s.until("it runs", func(st supervise.State) bool { return st.Phase == supervise.PhaseRunning })
	if !state.Alive() || !state.Command.Alive() {
		t.Errorf("the state is %+v", state)
	}
	s.stop()
	if left := s.left(); len(left) > 0 {
		t.Errorf("there are still %v", left)
	}
}

// What a leader that ends first leaves behind ends too: nobody would look after it.
func TestShim_EndsWhatTheLeaderLeaves(t *testing.T) {
	t.Parallel()
	s := run(t, `sleep 1000 & setsid sleep 1001 & echo bye; exit 3`)
	if state := s.untilEnded(); state.Last == nil || state.Last.Code != 3 {
		t.Errorf("the state is %+v", state)
	}
	if left := s.left(); len(left) > 0 {
		t.Errorf("there are still %v", left)
	}
	s.untilPrinted("bye")
}

func TestShim_KillsWhatDoesNotListen(t *testing.T) {
	t.Parallel()
	s := run(t, `trap '' TERM; echo deaf; while true; do sleep 1000; done`, func(spec *supervise.Spec) { spec.Grace = 300 * time.Millisecond })
	s.untilPrinted("deaf")
	if state := s.stop(); state.Last == nil || state.Last.Signal != "killed" {
		t.Errorf("the state is %+v", state)
	}
}

// A command that ends in its own time after it was asked, by the signal that it wants.
func TestShim_AsksAsTheSpecSays(t *testing.T) {
	t.Parallel()
	s := run(t, `trap 'echo asked; exit 5' INT; echo ready; while true; do sleep 0.05; done`, func(spec *supervise.Spec) { spec.Signal = syscall.SIGINT })
	s.untilPrinted("ready")
	if state := s.stop(); state.Last == nil || state.Last.Code != 5 {
		t.Errorf("the state is %+v", state)
	}
	s.untilPrinted("asked")
}

// No line is lost, whoever reads and whenever: here in pieces, from where the last reader left off.
func TestShim_KeepsTheOutput(t *testing.T) {
	t.Parallel()
	const lines = 20000
	s := run(t, fmt.Sprintf(`i=0; while [ $i -lt %d ]; do echo "line $i of a command with something to say"; i=$((i+1)); done; head -c 100000 /dev/zero | tr '\0' x; echo; printf 'no end'; printf 'err\r\n' >&2`, lines))
	var cursor supervise.Cursor
	var got []supervise.Line
	read := func() {
		c, err := supervise.ReadLines(s.spec.Dir, cursor, func(l supervise.Line) { got = append(got, l) })
		if err != nil {
			t.Fatal(err)
		}
		cursor = c
	}
	testenv.Eventually(t, 3*limit, "the command has ended", func() error {
		if read(); s.state().Phase != supervise.PhaseEnded {
			return errors.New("it has not")
		}
		return nil
	})
	read()
	next, long := 0, 0
	var others []string
	for _, l := range got {
		switch {
		case l.Text == fmt.Sprintf("line %d of a command with something to say", next) && l.Stream == supervise.Stdout:
			next++
		case strings.HasPrefix(l.Text, "xxx"):
			long += len(l.Text)
		default:
			others = append(others, string(l.Stream)+l.Text)
		}
	}
	if next != lines || long != 100000 || len(others) != 2 || !strings.Contains(strings.Join(others, " "), "ono end") || !strings.Contains(strings.Join(others, " "), "eerr") {
		t.Errorf("%d lines, %d bytes of the long one, others %q", next, long, others)
	}
}

func TestShim_StartsAgain(t *testing.T) {
	t.Parallel()
	quick := supervise.Backoff{First: time.Millisecond, Max: 4 * time.Millisecond, Healthy: time.Hour}
	t.Run("on failure until it succeeds", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "count")
		s := run(t, `echo x >> `+file+`; echo run; [ $(wc -l < `+file+`) -ge 4 ]`, func(spec *supervise.Spec) {
			spec.Restart, spec.Backoff = supervise.RestartOnFailure, quick
		})
		if state := s.untilEnded(); state.Restarts != 3 || state.Last.Code != 0 || len(s.lines()) != 4 {
			t.Errorf("%+v, output %q", state, s.lines())
		}
	})
	t.Run("always, up to a limit", func(t *testing.T) {
		t.Parallel()
		s := run(t, `echo run`, func(spec *supervise.Spec) {
			spec.Restart, spec.Backoff, spec.Limit = supervise.RestartAlways, quick, supervise.Limit{Restarts: 5, Within: time.Hour}
		})
		if state := s.untilEnded(); state.Restarts != 5 || !strings.Contains(state.Error, "is not started again") || len(s.lines()) != 6 {
			t.Errorf("%+v, output %q", state, s.lines())
		}
	})
	t.Run("not once it was asked to end", func(t *testing.T) {
		t.Parallel()
		s := run(t, `echo run; exec sleep 1000`, func(spec *supervise.Spec) { spec.Restart, spec.Backoff = supervise.RestartAlways, quick })
		first := s.until("it runs", func(st supervise.State) bool { return st.Phase == supervise.PhaseRunning })
		if err := syscall.Kill(first.Command.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		second := s.until("it runs again", func(st supervise.State) bool { return st.Phase == supervise.PhaseRunning && st.Restarts == 1 })
		if first.Command.Alive() || !second.Command.Alive() || second.Last == nil || second.Last.Signal != "killed" {
			t.Errorf("first %+v, second %+v", first, second)
		}
		if state := s.stop(); state.Restarts != 1 {
			t.Errorf("%+v", state)
		}
	})
}

func TestShim_IsTheOnlyOneOfItsFolder(t *testing.T) {
	t.Parallel()
	s := run(t, "exec sleep 1000")
	s.until("it runs", func(st supervise.State) bool { return st.Phase == supervise.PhaseRunning })
	if err := supervise.Run(t.Context(), s.spec); !errors.Is(err, supervise.ErrHeld) {
		t.Errorf("a second shim: %v", err)
	}
	if err := supervise.Run(t.Context(), supervise.Spec{Dir: s.spec.Dir}); err == nil {
		t.Error("a shim without a command runs")
	}
	if err := supervise.Run(t.Context(), supervise.Spec{Dir: s.spec.Dir, Argv: []string{"x"}, Restart: "sometimes"}); err == nil {
		t.Error("a shim with a wrong policy runs")
	}
}

// A command that nobody wants any more is ended, in its own time.
func TestShim_EndsWhatNobodyWants(t *testing.T) {
	t.Parallel()
	holder := flock.New(filepath.Join(t.TempDir(), "holder"))
	if ok, err := holder.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	s := run(t, `trap 'echo asked; exit' TERM; echo ready; while true; do sleep 0.05; done`, func(spec *supervise.Spec) {
		spec.Holder, spec.Orphan = holder.Path(), 50*time.Millisecond
	})
	s.untilPrinted("ready")
	s.until("it runs", func(st supervise.State) bool { return st.Phase == supervise.PhaseRunning })
	if err := holder.Unlock(); err != nil {
		t.Fatal(err)
	}
	s.untilEnded()
	s.untilPrinted("asked")
}

// A shim that is killed takes nothing with it, and its state still tells which process was its command.
func TestShim_Killed(t *testing.T) {
	t.Parallel()
	s := run(t, "exec sleep 1000")
	state := s.until("it runs", func(st supervise.State) bool { return st.Phase == supervise.PhaseRunning })
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.gone
	if now := s.state(); now.Alive() || !now.Command.Alive() {
		t.Errorf("%+v", now)
	}
	if err := syscall.Kill(state.Command.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "the command has ended", func() error {
		if state.Command.Alive() {
			return errors.New("it has not")
		}
		return nil
	})
}
