//go:build unix

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/envflow/envflow/activities/process"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/supervise"
	"github.com/envflow/envflow/internal/testenv"
)

func TestRun_WhenSomethingChanged(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) { l.Update = r.counted("true") })
	r.write(r.dep("a"), "1")
	out, err := r.try()
	r.check(err)
	if !out.Due || out.Runtime == nil || out.Runtime.Resource != "it" {
		t.Errorf("at first: %+v", out)
	}
	r.wantDue(false, "nothing has changed")
	r.wantDue(false, "nothing has changed, and it has not failed", retry)
	r.anotherWorker()
	r.wantDue(false, "another worker")
	r.check(os.Chtimes(r.dep("a"), time.Now(), time.Now()))
	r.write(r.dep("a"), "1")
	r.wantDue(false, "touched")
	r.wantRuns(1)

	r.write(r.dep("a"), "2")
	r.wantDue(true, "a look at another content", checkOnly)
	r.wantRuns(1)
	r.wantDue(true, "another content")
	r.wantRuns(2)
	r.wantDue(false, "a look", checkOnly)
	r.check(os.Remove(r.dep("a")))
	r.wantDue(true, "a file less")
	r.wantRuns(3)
	r.wantDue(true, "anew", anew)
	r.wantRuns(4)
	r.wantDue(false, "after all that")
	if record := r.record(); record.Runs != 4 || record.Running != "" || record.Failed != "" {
		t.Errorf("the record is %+v", record)
	}
	if lines := r.logged("it build Running cmd: echo x >> runs; true"); len(lines) != 4 {
		t.Errorf("the log is %q", r.log)
	}
}

func TestRun_GoesByItsSpec(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) { l.Update = r.counted("true") })
	r.wantDue(true, "at first")
	old := r.in()
	r.use(func(r *room, l *plan.Local) { l.Update = r.counted("true; true") })
	_, err := r.a.Run(t.Context(), old)
	r.wantFailure(err, failure.Superseded, "the Tiltfile has changed meanwhile")
	r.wantRuns(1)
	r.wantDue(true, "another spec")
	r.wantDue(false, "the same")
	r.wantRuns(2)
}

// Only what the deps hold counts, but for what is ignored.
func TestRun_LooksAtItsDeps(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Update = r.counted("true")
		l.Deps = []string{r.dep("folder"), r.dep("file"), r.dep("missing")}
		l.Ignores = []plan.Ignore{{Base: r.deps, Patterns: []string{"**/*.tmp"}}}
	})
	r.check(os.Mkdir(r.dep("folder"), 0o700))
	r.write(r.dep("file"), "1")
	r.wantDue(true, "at first")
	r.write(r.dep("other"), "1")
	r.write(r.dep("folder/x.tmp"), "1")
	r.wantDue(false, "what does not count")
	r.write(r.dep("folder/x"), "1")
	r.wantDue(true, "a file of a folder")
	r.write(r.dep("missing"), "1")
	r.wantDue(true, "a file that was missing")
	r.check(os.Chmod(r.dep("file"), 0o700))
	r.wantDue(true, "another mode")
	r.wantRuns(4)
}

func TestRun_WaitsForAPlace(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) { l.Update = r.counted("true") })
	r.run()
	r.run() // nothing to do, so no place is needed
	r.use(func(r *room, l *plan.Local) { l.Update, l.AllowParallel = r.counted("true; true"), true })
	r.run()
	r.use(func(r *room, l *plan.Local) { l.Serve = r.command("exec sleep 1000") })
	r.run()
	if got := fmt.Sprint(r.entered, r.left); got != "[true false] 2" {
		t.Errorf("entered and left: %s", got)
	}
}

func TestRun_Fails(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Update = r.counted("for i in $(seq 30); do echo secret $i; done; echo secret err >&2; [ -e %s ] || exit 3", r.dep("mended"))
	})
	_, err := r.try()
	r.wantFailure(err, failure.User, "exited with code 3")
	for _, want := range []string{"exited with code 3", "secret 30", "secret err", "secret 17", "for i in"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("there is no %q in %q", want, err)
		}
	}
	if strings.Contains(err.Error(), "secret 10\n") {
		t.Errorf("all of its output is told: %q", err)
	}
	if record := r.record(); record.Failed != "exited with code 3" || record.Runs != 0 || record.Running != "" {
		t.Errorf("the record is %+v", record)
	}
	r.anotherWorker()
	_, err = r.try()
	r.wantFailure(err, failure.User, "exited with code 3")
	r.wantDue(true, "a look at one that has failed", checkOnly)
	r.wantRuns(1)
	_, err = r.try(retry)
	r.wantFailure(err, failure.User, "exited with code 3")
	r.wantRuns(2)
	r.write(r.dep("mended"), "")
	r.wantDue(true, "a change after a failure")
	r.wantDue(false, "afterwards")
	r.wantRuns(3)
	if record := r.record(); record.Failed != "" || record.Runs != 1 {
		t.Errorf("the record is %+v", record)
	}
}

// The output of a run before is not that of this one.
func TestRun_TellsTheLastLinesOfThisRun(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) { l.Update = r.counted("echo line $(wc -l < runs); exit 1") })
	_, first := r.try()
	_, second := r.try(retry)
	if !strings.Contains(first.Error(), "line 1") || !strings.Contains(second.Error(), "line 2") || strings.Contains(second.Error(), "line 1") {
		t.Errorf("first %q, second %q", first, second)
	}
}

func TestRun_CannotBegin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, summary, text string
		change              func(*plan.Command)
	}{
		{"no program", "the command cannot be started", "/no/such/program", func(c *plan.Command) { c.Argv = []string{"/no/such/program"} }},
		{"no folder", "the folder of the command does not exist", "/no/such/folder", func(c *plan.Command) { c.Dir = "/no/such/folder" }},
		{"a file for a folder", "the folder of the command does not exist", "/notes", func(c *plan.Command) { c.Dir += "/notes" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRoom(t, func(r *room, l *plan.Local) {
				r.write(r.note("notes"), "")
				l.Update = r.counted("true")
				c.change(l.Update)
			})
			for range 2 {
				_, err := r.try()
				r.wantFailure(err, failure.User, c.summary)
				if c.text != "/no/such/program" && !strings.Contains(err.Error(), c.text) {
					t.Errorf("the error is %q", err)
				}
			}
			_, err := r.try(retry)
			if r.wantFailure(err, failure.User, c.summary); !strings.Contains(err.Error(), c.text) {
				t.Errorf("the error is %q", err)
			}
			r.wantDue(true, "a look", checkOnly)
			r.use(func(r *room, l *plan.Local) { l.Update = r.counted("true") })
			r.wantDue(true, "mended")
			r.wantRuns(1)
		})
	}
}

func TestRun_EditedDuringTheRun(t *testing.T) {
	r := newRoom(t, waiting)
	r.write(r.dep("a"), "1")
	done := r.begin(t.Context())
	r.began()
	r.write(r.dep("a"), "2")
	r.openGate()
	if got := r.come(done); got.err != nil || !got.out.Due {
		t.Errorf("the run: %+v", got)
	}
	r.wantDue(true, "a look", checkOnly)
	r.wantDue(true, "what was edited")
	r.wantDue(false, "afterwards")
	r.wantRuns(2)
}

// A command that writes below its deps what differs each time is run as often as it takes to know that, and no more.
func TestRun_WritesBelowItsDeps(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) { l.Update = r.counted("cat runs > %s", r.dep("out")) })
	r.write(r.dep("a"), "1")
	settle := func(what string, total int) {
		t.Helper()
		for range 10 {
			if !r.run() {
				break
			}
		}
		r.wantRuns(total)
		if n := len(r.logged("it build WARNING: the command changes " + r.dep("out") + " with each run")); t.Failed() || n == 0 {
			t.Errorf("%s: %d warnings", what, n)
		}
	}
	settle("at first", 3) // for itself, and twice to see that it does it again
	if n := len(r.logged("WARNING")); n != 1 {
		t.Errorf("%d warnings", n)
	}
	r.anotherWorker()
	r.wantDue(false, "another worker")
	r.write(r.dep("a"), "2")
	settle("a change of something else", 4)
	r.wantDue(true, "anew", anew)
	settle("anew", 5)
	r.write(r.dep("out"), "by hand")
	r.wantDue(true, "its own, changed by somebody else", checkOnly)
	settle("its own, changed by somebody else", 8)
	r.check(os.Remove(r.dep("out")))
	r.wantDue(true, "its own, removed", checkOnly)
}

// What a command makes of its deps, and would make again, is a reason for one more run: nobody knows who has made it.
func TestRun_WritesTheSameBelowItsDeps(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) { l.Update = r.counted("cat %s > %s", r.dep("a"), r.dep("out")) })
	r.write(r.dep("a"), "1")
	r.wantDue(true, "at first")
	r.wantDue(true, "once more")
	r.wantDue(false, "it changes nothing")
	r.wantRuns(2)
	if lines := r.logged("WARNING"); len(lines) > 0 {
		t.Errorf("the log has %q", lines)
	}
}

func TestRun_ObjectCodeIsNoReason(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Update = r.counted(`printf '\177ELF' > %[1]s; cat runs >> %[1]s`, r.dep("program"))
	})
	r.wantDue(true, "at first")
	r.wantDue(false, "it has compiled")
	r.wantRuns(1)
	r.write(r.dep("a"), "1")
	r.wantDue(true, "a change")
	r.wantDue(false, "it has compiled again")
	r.wantRuns(2)
	r.check(os.Remove(r.dep("program")))
	r.wantDue(true, "the program is gone")
	r.wantDue(false, "it is there again")
	r.wantRuns(3)
}

// errGone is why the context of a worker ends that is killed: nobody has cancelled anything.
var errGone = errors.New("the worker is gone")

// abandon begins a run whose worker goes while it runs.
func (r *room) abandon() supervise.State {
	r.t.Helper()
	ctx, end := context.WithCancelCause(r.t.Context())
	done := r.begin(ctx)
	state := r.began()
	end(errGone)
	if got := r.come(done); !errors.Is(got.err, errGone) {
		r.t.Errorf("the abandoned run: %+v", got)
	}
	if !state.Alive() || !state.Command.Alive() {
		r.t.Fatalf("the abandoned run has ended: %+v", state)
	}
	r.anotherWorker()
	return state
}

func TestRun_RejoinsWhatRuns(t *testing.T) {
	r := newRoom(t, waiting)
	first := r.abandon()
	done := r.begin(t.Context())
	if state, err := supervise.Read(r.dir(process.KindCommand)); err != nil || state.Command != first.Command || !state.Command.Alive() {
		t.Errorf("the state is %+v, %v; was %+v", state, err, first)
	}
	r.openGate()
	if got := r.come(done); got.err != nil || !got.out.Due || got.out.Runtime == nil {
		t.Errorf("the run: %+v", got)
	}
	r.wantDue(false, "afterwards")
	r.wantRuns(1)
	if record := r.record(); record.Runs != 1 || record.Running != "" {
		t.Errorf("the record is %+v", record)
	}
}

func TestRun_RejoinsWhatFails(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) { l.Update = r.counted(untilGate + "; echo told; exit 4") })
	r.abandon()
	done := r.begin(t.Context())
	r.openGate()
	got := r.come(done)
	if r.wantFailure(got.err, failure.User, "exited with code 4"); !strings.Contains(got.err.Error(), "told") {
		t.Errorf("the error is %q", got.err)
	}
	_, err := r.try()
	r.wantFailure(err, failure.User, "exited with code 4")
	r.wantRuns(1)
}

func TestRun_EndedWhileNobodyLooked(t *testing.T) {
	r := newRoom(t, waiting)
	state := r.abandon()
	r.openGate()
	r.gone("the shim", state.Shim)
	r.wantDue(true, "it has run, so that is what was asked for", anew)
	r.wantDue(false, "afterwards")
	r.wantRuns(1)
	if record := r.record(); record.Runs != 1 || record.Running != "" {
		t.Errorf("the record is %+v", record)
	}
}

// What changed while an abandoned command ran is due after it.
func TestRun_EditedWhileNobodyLooked(t *testing.T) {
	r := newRoom(t, waiting)
	state := r.abandon()
	r.write(r.dep("a"), "1")
	r.openGate()
	r.gone("the shim", state.Shim)
	r.wantDue(true, "the edit")
	r.wantDue(false, "afterwards")
	r.wantRuns(2)
}

// Another spec wants nothing of a run of the one before.
func TestRun_AnotherSpecEndsWhatRuns(t *testing.T) {
	r := newRoom(t, waiting)
	state := r.abandon()
	r.use(func(r *room, l *plan.Local) { l.Update = r.counted("true") })
	r.wantDue(true, "another spec")
	r.gone("the old command", state.Command)
	r.wantRuns(2)
	if record := r.record(); record.Runs != 1 {
		t.Errorf("the record is %+v", record)
	}
}

func TestRun_ShimKilled(t *testing.T) {
	r := newRoom(t, waiting)
	done := r.begin(t.Context())
	state := r.began()
	r.killed(state)
	got := r.come(done)
	r.wantFailure(got.err, failure.Transient, "somebody has ended the command")
	r.check(os.Remove(r.note("began")))
	done = r.begin(t.Context())
	r.began()
	if state.Command.Alive() {
		t.Error("two of them run")
	}
	r.openGate()
	if got := r.come(done); got.err != nil || !got.out.Due {
		t.Errorf("the second run: %+v", got)
	}
	r.wantRuns(2)
	if record := r.record(); record.Runs != 1 {
		t.Errorf("the record is %+v", record)
	}
}

func TestRun_ShimKilledWhileNobodyLooked(t *testing.T) {
	r := newRoom(t, waiting)
	state := r.abandon()
	r.killed(state)
	r.openGate() // for the second one; the first may end by it, but nobody would know how
	r.wantDue(true, "again")
	r.wantDue(false, "afterwards")
	r.wantRuns(2)
}

func TestRun_Cancelled(t *testing.T) {
	r := newRoom(t, waiting)
	ctx, cancel := context.WithCancel(t.Context())
	done := r.begin(ctx)
	state := r.began()
	cancel()
	if got := r.come(done); !errors.Is(got.err, context.Canceled) {
		t.Errorf("the run: %+v", got)
	}
	r.gone("the command", state.Command)
	r.wantNothingLeft()
	r.openGate()
	r.wantDue(true, "what was cancelled")
	r.wantDue(false, "afterwards")
	r.wantRuns(2)
}

// A command that does not listen is left to its shim when it is cancelled: nobody has to wait for it.
func TestRun_CancelledAndDeaf(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Update, l.StopGrace = r.counted("trap '' TERM; touch began; while true; do sleep 0.05; done"), 2
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := r.begin(ctx)
	state := r.began()
	cancel()
	if got := r.come(done); !errors.Is(got.err, context.Canceled) {
		t.Errorf("the run: %+v", got)
	}
	if !state.Command.Alive() {
		t.Error("it was not given its time")
	}
	r.gone("the command", state.Command)
	r.wantNothingLeft()
}

func TestRun_WithItsEnvironment(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Update = r.command(`echo "$INHERITED $PUT $OWN ${DROPPED-none} $PWD" > env; printf '\n'`)
		l.Update.Env = map[string]string{"OWN": "a-secret"}
	})
	r.a.Environ = func() []string { return append(os.Environ(), "INHERITED=yes", "DROPPED=no", "PUT=before") }
	r.plan.Settings = plan.Settings{Env: map[string]string{"PUT": "another-secret", "OWN": "before"}, Unset: []string{"DROPPED"}}
	r.a.Plans.Use(r.plan)
	r.wantDue(true, "it")
	got, err := os.ReadFile(r.note("env"))
	if want := "yes another-secret a-secret none " + r.notes + "\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	// Nothing of it is on the disk.
	for _, dir := range r.dirs() {
		files, _ := os.ReadDir(dir)
		for _, file := range files {
			data, err := os.ReadFile(dir + "/" + file.Name())
			if err != nil || strings.Contains(string(data), "secret") {
				t.Errorf("%s holds %q, %v", file.Name(), data, err)
			}
		}
	}
	testenv.Eventually(t, limit, "its output", func() error {
		if lines := process.LastLines(r.dir(process.KindCommand), time.Time{}); len(lines) != 1 {
			return fmt.Errorf("the lines are %q", lines)
		}
		return nil
	})
}
