package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/logstore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/probe"
	"github.com/envflow/envflow/internal/supervise"
)

// followed is a worker that follows the server "web". Its shim's folder is written by the test.
type followed struct {
	t    *testing.T
	host *Host
	f    *follower
}

func newFollowed(t *testing.T) *followed {
	t.Helper()
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	h := &Host{o: HostOptions{ID: "e", Folder: t.TempDir(), Log: slog.New(slog.DiscardHandler), Environ: os.Environ()}, runCtx: t.Context()}
	h.clients = &clients{kube: kube.Config{Path: filepath.Join(t.TempDir(), "none")}}
	h.outbox = newOutbox(ended, nil, func() {}) // it sends nothing; what it should is looked at
	h.processes = newProcesses(h)
	w := &followed{t: t, host: h}
	t.Cleanup(func() { w.f.end(); _ = h.log.Close() })
	w.openLog()
	w.restart()
	w.check(os.MkdirAll(w.f.dir, 0o700))
	return w
}

func (w *followed) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *followed) openLog() {
	w.t.Helper()
	var err error
	w.host.log, err = logstore.Open(filepath.Join(w.host.o.Folder, logFolder))
	w.check(err)
}

// restart is another worker. The last one was killed: all it has kept is on the disk.
func (w *followed) restart() {
	w.t.Helper()
	w.check(w.host.log.Close())
	w.openLog()
	w.host.processes.all = map[string]*follower{}
	w.host.processes.set(&plan.Plan{Resources: []plan.Resource{{
		Name: "web", Type: plan.TypeLocal, Enabled: true, Local: &plan.Local{Serve: &plan.Command{Argv: []string{"web"}, Dir: w.host.o.Folder}},
	}}})
	w.f = w.host.processes.follower("web")
}

var began = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

// at is a line of the output, so many seconds after it began.
func at(second int, text string) string {
	return began.Add(time.Duration(second)*time.Second).Format(time.RFC3339Nano) + " o " + text + "\n"
}

func (w *followed) print(file int, text string) {
	w.t.Helper()
	out, err := os.OpenFile(filepath.Join(w.f.dir, fmt.Sprintf("output.%d", file)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	w.check(err)
	_, err = out.WriteString(text)
	w.check(err)
	w.check(out.Close())
}

func (w *followed) wantLog(want ...string) {
	w.t.Helper()
	w.host.log.Flush()
	var got []string
	w.check(logstore.Read(w.t.Context(), filepath.Join(w.host.o.Folder, logFolder), logstore.Query{Resources: []string{"web"}}, func(l logstore.Line) error {
		got = append(got, l.Source+" "+l.Text)
		return nil
	}))
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("the log (-want +got):\n%s", diff)
	}
}

func TestFollower_TakesEachLineOnce(t *testing.T) {
	w := newFollowed(t)
	w.f.read(w.t.Context())
	w.wantLog()
	w.print(1, at(0, "one")+at(1, "two")+at(1, "two"))
	w.print(1, strings.TrimSuffix(at(2, "thr"), "\n")) // it is still being written
	w.f.read(w.t.Context())
	w.f.read(w.t.Context())
	w.wantLog("runtime one", "runtime two", "runtime two")

	w.restart() // without having kept how far it was
	w.print(1, "ee\n")
	w.print(2, at(3, "four"))
	w.f.read(w.t.Context())
	w.f.read(w.t.Context())
	want := []string{"runtime one", "runtime two", "runtime two", "runtime three", "runtime four"}
	w.wantLog(want...)

	w.host.processes.keepCursors()
	w.restart()
	w.print(2, at(4, "five"))
	w.f.read(w.t.Context())
	want = append(want, "runtime five")
	w.wantLog(want...)

	w.restart() // with a cursor that lags behind
	w.f.read(w.t.Context())
	w.wantLog(want...)
	w.print(2, at(4, "five")) // another one that is the same in each regard
	w.f.read(w.t.Context())
	w.wantLog(append(want, "runtime five")...)
}

// What somebody else has said at the same time is not what this process has said.
func TestFollower_TellsItsLinesFromOthers(t *testing.T) {
	w := newFollowed(t)
	for _, l := range []logstore.Line{
		{Time: began, Resource: "web", Source: logstore.SourceBuild, Text: "one"},
		{Time: began, Resource: "db", Source: logstore.SourceRuntime, Text: "one"},
		{Time: began.Add(-time.Second), Resource: "web", Source: logstore.SourceRuntime, Text: "one"},
		{Time: began.Add(time.Second), Resource: "web", Source: logstore.SourceRuntime, Text: "two"},
	} {
		w.host.log.Append(l)
	}
	w.host.log.Flush()
	w.print(1, at(0, "one")+at(1, "two"))
	w.f.read(w.t.Context())
	w.wantLog("build one", "runtime one", "runtime two", "runtime one")
}

// Output need not be text.
func TestFollower_TakesOddLinesOnce(t *testing.T) {
	w := newFollowed(t)
	w.print(1, at(0, "\xff\xfe")+at(1, "\x1b[31mred\x1b[0m <&> \u2028")+at(2, ""))
	w.f.read(w.t.Context())
	w.host.log.Flush()
	count := func() (n int) {
		w.host.log.Flush()
		w.check(logstore.Read(t.Context(), filepath.Join(w.host.o.Folder, logFolder), logstore.Query{}, func(logstore.Line) error { n++; return nil }))
		return n
	}
	first := count()
	w.restart()
	w.f.read(w.t.Context())
	if second := count(); first != 3 || second != first {
		t.Errorf("%d lines, and after another look %d; want 3", first, second)
	}
}

// A cursor is kept only of what is in the log.
func TestProcesses_KeepsWhatIsWritten(t *testing.T) {
	w := newFollowed(t)
	w.host.processes.keepCursors()
	if _, err := os.Stat(w.f.cursorFile()); err == nil {
		t.Error("there is a cursor of nothing")
	}
	w.print(1, at(0, "one"))
	w.f.read(w.t.Context())
	w.host.processes.keepCursors()
	var kept supervise.Cursor
	data, err := os.ReadFile(w.f.cursorFile())
	w.check(err)
	w.check(json.Unmarshal(data, &kept))
	if want := (supervise.Cursor{File: 1, Offset: int64(len(at(0, "one")))}); kept != want {
		t.Errorf("kept %+v, want %+v", kept, want)
	}
	lines := 0
	w.check(logstore.Read(t.Context(), filepath.Join(w.host.o.Folder, logFolder), logstore.Query{}, func(logstore.Line) error { lines++; return nil }))
	if lines != 1 {
		t.Errorf("%d lines are written", lines)
	}
	w.check(os.Remove(w.f.cursorFile()))
	w.host.processes.keepCursors() // nothing has moved
	if _, err := os.Stat(w.f.cursorFile()); err == nil {
		t.Error("a cursor that has not moved was kept again")
	}
}

func TestFollower_Standing(t *testing.T) {
	t.Parallel()
	probed := &plan.Probe{TCPSocket: &plan.TCPSocket{Port: 1}}
	for _, c := range []struct {
		name   string
		change func(*follower)
		want   standing
	}{
		{"nothing was started", func(f *follower) { f.known = false }, standing{api.StatePending, false, "starting"}},
		{"runs", func(*follower) {}, standing{api.StateOK, true, ""}},
		{"runs again", func(f *follower) { f.state.Restarts, f.state.Last = 3, &supervise.Exit{Code: 1} }, standing{api.StateOK, true, ""}},
		{"not probed yet", func(f *follower) { f.server.Readiness = probed }, standing{api.StatePending, false, "starting"}},
		{"probed", func(f *follower) { f.server.Readiness, f.probed = probed, probe.Result{Ready: true} }, standing{api.StateOK, true, ""}},
		{"the probe fails", func(f *follower) {
			f.server.Readiness, f.probed = probed, probe.Result{Why: "the answer is HTTP 503", Detail: "secret"}
		}, standing{api.StatePending, false, "not ready: the answer is HTTP 503"}},
		{"its shim was killed", func(f *follower) { f.lost = true }, standing{api.StatePending, false, "its shim was killed"}},
		{"ends", func(f *follower) { f.state.Phase = supervise.PhaseEnding }, standing{api.StatePending, false, "being stopped"}},
		{"was stopped", func(f *follower) {
			f.state.Phase, f.state.Stopped, f.state.Last = supervise.PhaseEnded, true, &supervise.Exit{Code: 143, Signal: "terminated"}
		}, standing{api.StatePending, false, ""}},
		{"failed", func(f *follower) { f.state.Phase, f.state.Last = supervise.PhaseEnded, &supervise.Exit{Code: 3} }, standing{api.StateError, false, "exited with code 3"}},
		{
			"ended well", func(f *follower) { f.state.Phase, f.state.Last = supervise.PhaseEnded, &supervise.Exit{} },
			standing{api.StateError, false, "exited with code 0, although it should run on"},
		},
		{"cannot have its port", func(f *follower) {
			f.state.Phase, f.state.Last, f.taken = supervise.PhaseEnded, &supervise.Exit{Code: 1}, "port 80 is taken by x"
		}, standing{api.StateError, false, "exited with code 1: port 80 is taken by x"}},
		{
			"cannot be started", func(f *follower) { f.state.Phase, f.state.Error = supervise.PhaseEnded, "secret" },
			standing{api.StateError, false, "cannot be started; the log says why"},
		},
		{
			"waits", func(f *follower) {
				f.state.Phase, f.state.Last = supervise.PhaseWaiting, &supervise.Exit{Code: 137, Signal: "killed"}
			},
			standing{api.StateError, false, "was ended by the signal killed, and is started again"},
		},
		{"waits once more", func(f *follower) {
			f.state.Phase, f.state.Last, f.state.Restarts = supervise.PhaseWaiting, &supervise.Exit{Code: 1}, 2
		}, standing{api.StateError, false, "exited with code 1, and is started again, as 2 times before"}},
	} {
		f := &follower{known: true, server: &plan.Local{}, state: supervise.State{Phase: supervise.PhaseRunning}}
		if c.change(f); f.standing() != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, f.standing(), c.want)
		}
	}
}

func TestPortsInUse(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]int{
		// Go, as net/http says it, and as log.Fatal prints it
		"listen tcp :8080: bind: address already in use":                                                                       {8080},
		"listen tcp 127.0.0.1:8080: bind: address already in use":                                                              {8080},
		"listen tcp [::1]:8080: bind: address already in use":                                                                  {8080},
		"2026/11/23 06:48:39 listen tcp :8080: bind: address already in use":                                                   {8080},
		"2026/11/23 06:48:39.123456 main.go:22: listen tcp :8080: bind: address already in use":                                {8080},
		`time="2026-11-23T06:48:39Z" level=fatal msg="listen tcp :80: bind: address already in use"`:                           {80},
		"listen tcp :8080: bind: Only one usage of each socket address (protocol/network address/port) is normally permitted.": {8080},
		// Node
		"Error: listen EADDRINUSE: address already in use :::3000":         {3000},
		"Error: listen EADDRINUSE: address already in use 127.0.0.1:3000":  {3000},
		"Error: Port 5173 is already in use":                               {5173},
		"    at Server.setupListenHandle [as _listen2] (node:net:1817:16)": nil,
		// Python: http.server, uvicorn, flask, gunicorn
		"OSError: [Errno 98] Address already in use":                                                                 nil,
		"ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use": {8000},
		"Port 5000 is in use by another program. Either identify and stop that program":                              {5000},
		"[2026-11-23 06:48:39 +0000] [12345] [ERROR] Connection in use: ('127.0.0.1', 8000)":                         {8000},
		// Java: plain, Spring Boot, Jetty
		"java.net.BindException: Address already in use":                            nil,
		"Web server failed to start. Port 8080 was already in use.":                 {8080},
		"java.io.IOException: Failed to bind to 0.0.0.0/0.0.0.0:8080":               {8080},
		"Caused by: java.net.BindException: Address already in use: bind /[::]:443": {443},
		// nginx, Apache
		"nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)":                {80},
		"2026/11/23 06:48:39 [emerg] 1#1: bind() to [::]:80 failed (98: Address already in use)": {80},
		"(98)Address already in use: AH00072: make_sock: could not bind to address [::]:8080":    {8080},
		// Ruby, .NET, PostgreSQL
		`Address already in use - bind(2) for "127.0.0.1" port 3000 (Errno::EADDRINUSE)`:                   {3000},
		"Failed to bind to address http://127.0.0.1:5000: address already in use.":                         {5000},
		`HINT:  Is another postmaster already running on port 5432? If not, wait a few seconds and retry.`: {5432},
		// what has nothing to do with it
		"listening on :8080": nil,
		"2026/11/23 06:48:39 connect: connection refused 127.0.0.1:5432": nil,
		"address already in use :99999":                                  nil,
	} {
		if got := portsInUse(line); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

// What serves nothing is ready, whatever else is said of it.
func TestProcesses_ObserveWithoutAServer(t *testing.T) {
	w := newFollowed(t)
	if got := w.host.processes.observe("another"); got.State != api.StateNone || !got.Ready {
		t.Errorf("the report is %+v", got)
	}
	// Nor does one that the Tiltfile does not have any more.
	w.host.processes.set(&plan.Plan{})
	if got := w.host.processes.observe("web"); got.State != api.StateNone || !got.Ready {
		t.Errorf("the report is %+v", got)
	}
	if w.host.processes.follower("web") != nil {
		t.Error("it is followed still")
	}
}
