//go:build unix

package process_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/envflow/envflow/activities/process"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/supervise"
	"github.com/envflow/envflow/internal/testenv"
)

// served is a resource with a server that runs on.
func served(r *room, l *plan.Local) { l.Serve = r.command("echo x >> runs; exec sleep 1000") }

// wantServed calls Serve, and returns the state of what runs then.
func (r *room) wantServed(what string, started bool) supervise.State { //nolint:revive // started is compared
	r.t.Helper()
	out := r.serve()
	state := r.server()
	if out.Started != started || out.Runtime == nil || out.Runtime.Resource != "it" {
		r.t.Errorf("%s: %+v", what, out)
	}
	if state.Phase != supervise.PhaseRunning || !state.Alive() || !state.Command.Alive() {
		r.t.Errorf("%s: the state is %+v", what, state)
	}
	return state
}

func TestServe_StartsAndAdopts(t *testing.T) {
	r := newRoom(t, served)
	first := r.wantServed("at first", true)
	if again := r.wantServed("again", false); again.Command != first.Command {
		t.Errorf("it was %+v, is %+v", first.Command, again.Command)
	}
	r.anotherWorker()
	if again := r.wantServed("another worker", false); again.Command != first.Command || again.Shim != first.Shim {
		t.Errorf("it was %+v, is %+v", first, again)
	}
	if n := len(r.logged("it build Running serve_cmd: echo x >> runs; exec sleep 1000")); n != 1 {
		t.Errorf("the log is %q", r.log)
	}
}

func TestServe_AnotherSpec(t *testing.T) {
	r := newRoom(t, served)
	first := r.wantServed("at first", true)
	old := api.ServeIn{Resource: "it", Spec: r.spec()}
	r.use(func(r *room, l *plan.Local) { l.Serve = r.command("exec sleep 1001") })
	_, err := r.a.Serve(t.Context(), old)
	r.wantFailure(err, failure.Superseded, "the Tiltfile has changed meanwhile")
	if !first.Command.Alive() {
		t.Error("it was ended for an old spec")
	}
	second := r.wantServed("another command", true)
	r.gone("the first shim", first.Shim)
	if first.Command.Alive() || second.Command == first.Command {
		t.Errorf("the first one is %+v, the second %+v", first, second)
	}
	// What only counts for others, such as a probe, leaves it alone.
	r.use(func(r *room, l *plan.Local) {
		l.Serve = r.command("exec sleep 1001")
		l.Readiness = &plan.Probe{Timeout: 1, Period: 1, SuccessThreshold: 1, FailureThreshold: 1, Exec: []string{"true"}}
	})
	if again := r.wantServed("another probe", false); again.Command != second.Command {
		t.Errorf("it was %+v, is %+v", second.Command, again.Command)
	}
}

// A server belongs to the last run of its command that went well.
func TestServe_AfterItsCommand(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Update, l.Serve = r.counted("[ ! -e %s ]", r.dep("broken")), r.command("exec sleep 1000")
	})
	if out, err := r.try(); err != nil || !out.Due || out.Runtime != nil {
		t.Errorf("the command: %+v, %v", out, err)
	}
	first := r.wantServed("at first", true)
	r.wantDue(false, "nothing has changed")
	r.wantServed("nothing has changed", false)
	r.write(r.dep("broken"), "")
	_, err := r.try()
	r.wantFailure(err, failure.User, "exited with code 1")
	if again := r.wantServed("a command that failed", false); again.Command != first.Command {
		t.Errorf("it was %+v, is %+v", first.Command, again.Command)
	}
	r.check(os.Remove(r.dep("broken")))
	r.wantDue(true, "mended")
	second := r.wantServed("a command that went well", true)
	if first.Command.Alive() || second.Command == first.Command {
		t.Errorf("the first one is %+v, the second %+v", first, second)
	}
}

// A server without a command is started again when its deps change, and when somebody asks for it.
func TestServe_WithoutACommand(t *testing.T) {
	r := newRoom(t, served)
	r.wantDue(true, "at first")
	first := r.wantServed("at first", true)
	r.wantDue(false, "nothing has changed")
	r.write(r.dep("a"), "1")
	r.wantDue(true, "a change")
	second := r.wantServed("a change", true)
	r.wantDue(true, "anew", anew)
	third := r.wantServed("anew", true)
	if first.Command.Alive() || second.Command.Alive() || third.Command == second.Command {
		t.Errorf("they are %+v, %+v, %+v", first, second, third)
	}
	if len(r.entered) != 0 || len(r.logged("Running cmd")) != 0 {
		t.Errorf("what there is no command for entered %v; the log is %q", r.entered, r.log)
	}
}

func TestServe_ShimKilled(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Serve = r.command("trap '' TERM; (trap '' TERM; sleep 1000; true) & touch began; while true; do sleep 1000; done")
	})
	first := r.wantServed("at first", true)
	r.appears(r.note("began"))
	r.check(os.Remove(r.note("began")))
	before := r.marked()
	r.killed(first)
	r.wantServed("again", true)
	r.appears(r.note("began"))
	if first.Command.Alive() {
		t.Error("there are two")
	}
	for _, pid := range before {
		if left := r.marked(); strings.Contains(fmt.Sprint(left), fmt.Sprint(pid)) && syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d is left", pid)
		}
	}
	for _, pid := range r.marked() {
		_ = syscall.Kill(pid, syscall.SIGKILL) // shims too: nobody has to wait for the deaf one
	}
}

// A server that has ended by itself is started again by the next call; the shim sees to that alone if the Tiltfile says so.
func TestServe_Ended(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Serve = r.counted("[ $(wc -l < runs) -gt 1 ] || exit 1; exec sleep 1000")
	})
	r.serve()
	testenv.Eventually(t, limit, "the end", func() error {
		if state := r.server(); state.Phase != supervise.PhaseEnded || state.Alive() {
			return fmt.Errorf("the state is %+v", state)
		}
		return nil
	})
	r.wantServed("again", true)
}

func TestServe_Restarts(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) { served(r, l); l.Restart = plan.RestartAlways })
	first := r.wantServed("at first", true)
	r.check(syscall.Kill(first.Command.PID, syscall.SIGKILL))
	testenv.Eventually(t, limit, "the end of the command", func() error {
		if state := r.server(); state.Last == nil {
			return fmt.Errorf("the state is %+v", state)
		}
		return nil
	})
	if out := r.serve(); out.Started { // it waits to be started again
		t.Errorf("it was started by %+v", out)
	}
	testenv.Eventually(t, limit, "the next one", func() error {
		if state := r.server(); state.Restarts != 1 || state.Phase != supervise.PhaseRunning || state.Shim != first.Shim {
			return fmt.Errorf("the state is %+v", state)
		}
		return nil
	})
}

func TestServe_CannotBegin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, summary, text string
		change              func(*plan.Command)
	}{
		{"no program", "the server cannot be started", "/no/such/program", func(c *plan.Command) { c.Argv = []string{"/no/such/program"} }},
		{"no program in the path", "the server cannot be started", "no-such-program", func(c *plan.Command) { c.Argv = []string{"no-such-program"} }},
		{"no folder", "the folder of the command does not exist", "there is no folder /no/such/folder", func(c *plan.Command) { c.Dir = "/no/such/folder" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRoom(t, func(r *room, l *plan.Local) { served(r, l); c.change(l.Serve) })
			for range 2 {
				_, err := r.tryServe()
				if r.wantFailure(err, failure.User, c.summary); !strings.Contains(err.Error(), c.text) {
					t.Errorf("the error is %q", err)
				}
			}
			r.use(served)
			r.wantServed("mended", true)
		})
	}
}

func TestServe_WithoutAnAgent(t *testing.T) {
	r := newRoom(t, served)
	r.a.Agent = func() (string, error) { return "", os.ErrNotExist }
	_, err := r.tryServe()
	r.wantFailure(err, failure.User, "envflow-agent is missing")
}

// Who listens where the server is about to would be taken for it by the probe.
func TestServe_WarnsOfATakenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one
	r := newRoom(t, func(r *room, l *plan.Local) {
		served(r, l)
		l.Readiness = &plan.Probe{Timeout: 1, Period: 1, SuccessThreshold: 1, FailureThreshold: 1, TCPSocket: &plan.TCPSocket{Port: port}}
	})
	r.serve()
	if lines := r.logged(fmt.Sprintf("WARNING: port %d is taken by ", port)); len(lines) != 1 {
		t.Errorf("the log is %q", r.log)
	}
}

func TestServe_EndsByItsSignal(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Serve, l.StopSignal = r.command("trap 'touch asked; exit' INT; trap '' TERM; touch began; while true; do sleep 0.02; done"), "SIGINT"
	})
	r.serve()
	r.appears(r.note("began"))
	if out, err := r.a.Stop(t.Context(), api.StopIn{}); err != nil || out != (api.StopOut{Processes: 1}) {
		t.Errorf("stopped %+v, %v", out, err)
	}
	r.appears(r.note("asked"))
}

// several is a room with the servers a, b and c, and a command of c that runs.
func several(t *testing.T) *room {
	t.Helper()
	r := newRoom(t, waiting)
	for _, name := range []string{"a", "b", "c/c"} {
		r.plan.Resources = append(r.plan.Resources, plan.Resource{
			Name: name, Type: plan.TypeLocal, Local: &plan.Local{Serve: r.command("exec sleep 1000"), StopGrace: limit.Seconds()},
		})
	}
	r.a.Plans.Use(r.plan)
	for _, name := range []string{"a", "b", "c/c"} {
		in := api.RunCommandIn{Resource: name, Spec: r.plan.SpecDigest(name), Anew: true}
		_, err := r.a.Run(t.Context(), in)
		r.check(err)
		_, err = r.a.Serve(t.Context(), api.ServeIn{Resource: name, Spec: in.Spec})
		r.check(err)
	}
	return r
}

func (r *room) wantAlive(want string) {
	r.t.Helper()
	var got []string
	for _, name := range []string{"it", "a", "b", "c/c"} {
		for _, kind := range []string{process.KindCommand, process.KindServer} {
			if state, err := supervise.Read(process.Dir(r.a.Folder, name, kind)); err == nil && state.Command.Alive() {
				got = append(got, name+" "+kind)
			}
		}
	}
	if fmt.Sprint(got) != want {
		r.t.Errorf("alive: %v, want %s", got, want)
	}
}

func TestStop_SomeAndAll(t *testing.T) {
	r := several(t)
	r.abandon() // that of "it"
	// The worker makes the folders of all processes, to watch them. There need not have been one.
	r.check(os.MkdirAll(process.Dir(r.a.Folder, "never", process.KindServer), 0o700))
	r.wantAlive("[it cmd a serve b serve c/c serve]")
	for _, c := range []struct {
		names []string
		ended int
		left  string
	}{
		{[]string{"a", "nobody", "never"}, 1, "[it cmd b serve c/c serve]"},
		{[]string{"a"}, 0, "[it cmd b serve c/c serve]"},
		{[]string{"c/c"}, 1, "[it cmd b serve]"},
		{nil, 2, "[]"},
		{nil, 0, "[]"},
	} {
		if out, err := r.a.Stop(t.Context(), api.StopIn{Resources: c.names}); err != nil || out != (api.StopOut{Processes: c.ended}) {
			t.Errorf("stop %v: %+v, %v", c.names, out, err)
		}
		r.wantAlive(c.left)
	}
	r.wantNothingLeft()
	if names, err := r.store.Commands(t.Context()); err != nil || len(names) != 4 {
		t.Errorf("the records are those of %v, %v", names, err)
	}
	r.openGate()
	r.wantDue(true, "what was stopped")
	r.wantServedAgain("a")
}

// wantServedAgain: what was stopped is started by the next worker.
func (r *room) wantServedAgain(name string) {
	r.t.Helper()
	if out, err := r.a.Serve(r.t.Context(), api.ServeIn{Resource: name, Spec: r.plan.SpecDigest(name)}); err != nil || !out.Started {
		r.t.Errorf("serve %s again: %+v, %v", name, out, err)
	}
}

func TestForget_SomeAndAll(t *testing.T) {
	r := several(t)
	for _, c := range []struct {
		names      []string
		ended      int
		left, kept string
	}{
		{[]string{"a"}, 1, "[b serve c/c serve]", "[b c/c]"},
		{nil, 2, "[]", "[]"},
	} {
		if out, err := r.a.Forget(t.Context(), api.StopIn{Resources: c.names}); err != nil || out != (api.StopOut{Processes: c.ended}) {
			t.Errorf("forget %v: %+v, %v", c.names, out, err)
		}
		r.wantAlive(c.left)
		if names, err := r.store.Commands(t.Context()); err != nil || fmt.Sprint(names) != c.kept {
			t.Errorf("the records are those of %v, %v", names, err)
		}
	}
}

// What does not listen is not waited for, but counted. Its shim kills it after its grace.
func TestStop_Deaf(t *testing.T) {
	r := newRoom(t, func(r *room, l *plan.Local) {
		l.Serve, l.StopGrace = r.command("trap '' TERM; touch began; while true; do sleep 1; done"), 4
	})
	state := r.wantServed("at first", true)
	r.appears(r.note("began"))
	if out, err := r.a.Stop(t.Context(), api.StopIn{}); err != nil || out != (api.StopOut{Processes: 1, Ending: 1}) {
		t.Errorf("stopped %+v, %v", out, err)
	}
	if !state.Command.Alive() {
		t.Error("it was killed before its time")
	}
	r.gone("the server", state.Command)
	r.wantNothingLeft()
}

// A shim that was killed does not keep what it left from being stopped.
func TestStop_WhatAKilledShimLeft(t *testing.T) {
	r := newRoom(t, served)
	state := r.wantServed("at first", true)
	r.killed(state)
	if out, err := r.a.Stop(t.Context(), api.StopIn{}); err != nil || out.Ending != 0 {
		t.Errorf("stopped %+v, %v", out, err)
	}
	if state.Command.Alive() {
		t.Error("the server is left")
	}
}
