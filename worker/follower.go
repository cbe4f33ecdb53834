package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/envflow/envflow/activities/process"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/logstore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/ports"
	"github.com/envflow/envflow/internal/probe"
	"github.com/envflow/envflow/internal/supervise"
)

// follower follows one local process through the folder of its shim.
type follower struct {
	host                *Host
	resource, kind, dir string

	reading sync.Mutex // held while output is read
	cursor  supervise.Cursor
	loaded  bool // cursor is where the last worker left off, or later
	moved   bool // since it was kept

	mu       sync.Mutex // guards what follows
	ctx      context.Context
	server   *plan.Local // nil: it follows no server
	env      []string    // of an exec probe
	state    supervise.State
	known    bool // there was ever a shim
	lost     bool // the shim is gone without a word
	taken    string
	endProbe context.CancelFunc // nil: no probe runs
	probed   probe.Result
	shown    standing
}

// standing is how a server stands.
type standing struct {
	state  string // api.StateOK, ...
	ready  bool
	reason string
}

// use says which server it is that runs here, if any.
func (f *follower) use(ctx context.Context, p *plan.Plan, l *plan.Local) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.Serve == nil {
		f.stopProbe()
		f.server = nil
		return
	}
	if f.server == nil || plan.Digest(f.server.Readiness) != plan.Digest(l.Readiness) {
		f.stopProbe()
	}
	f.ctx, f.server = ctx, l
	f.env = process.Environment(f.host.processes.activities.Environ(), p, l.Serve)
}

func (f *follower) serves() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.server != nil
}

// end lets go of everything.
func (f *follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopProbe()
}

// look reads what is new in the folder.
func (f *follower) look(ctx context.Context) {
	f.read(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	state, err := supervise.Read(f.dir) // under the lock: what was read later must not be written over by what was read before
	if f.server == nil || err != nil {
		return // a shim that has just been started says so in a moment
	}
	if !f.known || f.state.Shim != state.Shim {
		f.lost = false
	}
	if !f.known || f.state.Command != state.Command {
		f.stopProbe()
		f.taken = ""
	}
	before := f.state
	f.state, f.known = state, true
	if state.Phase != supervise.PhaseEnded && !f.lost && !state.Alive() {
		f.lost = true
		f.host.containersChanged(f.resource) // its workflow has it started again
	}
	//nolint:contextcheck // the probe runs for as long as the server does
	f.runProbe(state.Phase == supervise.PhaseRunning && !f.lost)
	if failed := state.Last != nil && state.Phase != supervise.PhaseRunning && !state.Stopped; failed && (before.Last == nil || !before.Last.At.Equal(state.Last.At)) {
		//nolint:contextcheck // it outlives this look
		go f.findTaken(f.ctx, state, process.ProbePort(f.server.Readiness)) // it takes a moment, which nobody else should wait for
	}
	f.tell()
}

// report says how the server stands.
func (f *follower) report() api.Runtime {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown = f.standing()
	return f.host.report(f.resource, f.shown.state, f.shown.ready, f.shown.reason)
}

// tell reports a transition. f.mu is held.
func (f *follower) tell() {
	if now := f.standing(); now != f.shown {
		f.shown = now
		f.host.queueReport(f.host.report(f.resource, now.state, now.ready, now.reason))
	}
}

// standing says how the server stands. f.mu is held.
func (f *follower) standing() standing {
	s := f.state
	switch {
	case !f.known:
		return standing{api.StatePending, false, "starting"}
	case f.lost:
		return standing{api.StatePending, false, "its shim was killed"}
	case s.Phase == supervise.PhaseRunning && (f.server.Readiness == nil || f.probed.Ready):
		return standing{api.StateOK, true, ""}
	case s.Phase == supervise.PhaseRunning && f.probed.Why == "":
		return standing{api.StatePending, false, "starting"}
	case s.Phase == supervise.PhaseRunning:
		return standing{api.StatePending, false, "not ready: " + f.probed.Why}
	case s.Phase == supervise.PhaseEnding:
		return standing{api.StatePending, false, "being stopped"}
	case s.Phase == supervise.PhaseWaiting:
		return standing{api.StateError, false, fmt.Sprintf("%s, and is started again%s", f.howEnded(), times(s.Restarts))}
	case s.Stopped: // it is about to be started again, or was in another life of the environment
		return standing{api.StatePending, false, ""}
	}
	return standing{api.StateError, false, f.howEnded()}
}

func (f *follower) howEnded() string {
	if f.state.Last == nil {
		return "cannot be started; the log says why"
	}
	text := f.state.Last.String()
	if f.state.Last.Code == 0 {
		text += ", although it should run on"
	}
	if f.taken != "" {
		text += ": " + f.taken
	}
	return text
}

func times(restarts int) string {
	if restarts == 0 {
		return ""
	}
	return fmt.Sprintf(", as %d times before", restarts)
}

// What servers say that cannot have their port, and how they write it. Times of day and lines of source look like ports.
var (
	portInUse = regexp.MustCompile(`(?i)\bin use\b|EADDRINUSE|only one usage of each socket address|\bbind\b|already running on port`)
	noPort    = regexp.MustCompile(`\d{1,2}:\d{2}:\d{2}|\.(?:go|rs|c|cc|cpp|cs|py|rb|php|java|kt|exs?|[cm]?[jt]sx?):\d+(?::\d+)?`)
	somePort  = regexp.MustCompile(`(?i)(?::|\bport:? |['"], ?)(\d{2,5})\b`)
)

// portsInUse returns the ports that a server may mean by a line that says that one is taken.
func portsInUse(line string) (ports []int) {
	if !portInUse.MatchString(line) {
		return nil
	}
	for _, m := range somePort.FindAllStringSubmatch(noPort.ReplaceAllString(line, " "), -1) {
		if port, _ := strconv.Atoi(m[1]); port > 0 && port < 1<<16 {
			ports = append(ports, port)
		}
	}
	return ports
}

// findTaken adds to how a server has ended who has its port, if that is why.
func (f *follower) findTaken(ctx context.Context, ended supervise.State, probed int) {
	taken := f.takenPort(ctx, ended, probed)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server != nil && f.state.Command == ended.Command { // else another one runs by now
		f.taken = taken
		f.tell()
	}
}

// takenPort says who has the port that a server wanted, "" if nobody does.
func (f *follower) takenPort(ctx context.Context, ended supervise.State, probed int) string {
	var wanted []int
	if probed != 0 {
		wanted = append(wanted, probed)
	}
	for _, line := range process.LastLines(f.dir, ended.Started) {
		wanted = append(wanted, portsInUse(line)...)
	}
	for _, port := range wanted {
		if who, taken := ports.Listener(ctx, port); taken {
			f.host.log.Append(logstore.Line{Resource: f.resource, Source: logstore.SourceRuntime, Level: logstore.LevelError, Text: process.TakenText(port, who.String())})
			return process.TakenText(port, who.Short())
		}
	}
	return ""
}

// runProbe starts the probe of a server that runs, and ends that of one that does not. f.mu is held.
func (f *follower) runProbe(running bool) {
	switch {
	case !running:
		f.stopProbe()
	case f.server.Readiness != nil && f.endProbe == nil && f.ctx.Err() == nil:
		ctx, end := context.WithCancel(f.ctx)
		f.endProbe = end
		server, env := f.server, f.env
		go probe.Run(ctx, server.Readiness, server.Serve.Dir, env, func(r probe.Result) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if ctx.Err() != nil {
				return
			}
			if f.probed.Ready && !r.Ready {
				text := "WARNING: the readiness probe fails: " + (&probe.Error{Why: r.Why, Detail: r.Detail}).Error()
				f.host.log.Append(logstore.Line{Resource: f.resource, Source: logstore.SourceRuntime, Text: text})
			}
			f.probed = r
			f.tell()
		})
	}
}

// stopProbe ends the probe, and forgets what it has found out. f.mu is held.
func (f *follower) stopProbe() {
	if f.endProbe != nil {
		f.endProbe()
	}
	f.endProbe, f.probed = nil, probe.Result{}
}

// source is what the lines of the process are called in the log.
func (f *follower) source() string {
	if f.kind == process.KindCommand {
		return logstore.SourceBuild
	}
	return logstore.SourceRuntime
}

// read brings new output into the log.
func (f *follower) read(ctx context.Context) {
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.loaded {
		f.take(nil)
		return
	}
	if data, err := os.ReadFile(f.cursorFile()); err == nil {
		_ = json.Unmarshal(data, &f.cursor) // without it, all of the output is compared with the log
	}
	f.loaded = true
	f.take(f.logged(ctx))
}

// take appends the lines after the cursor to the log, but for those that stand there.
func (f *follower) take(there map[lineKey]int) {
	next, err := supervise.ReadLines(f.dir, f.cursor, func(l supervise.Line) {
		if key := keyOf(l.Time, l.Text); there[key] > 0 {
			there[key]--
			return
		}
		f.host.log.Append(logstore.Line{Time: l.Time, Resource: f.resource, Source: f.source(), Text: l.Text})
	})
	if err != nil {
		f.host.o.Log.Warn("read the output of a local process", "resource", f.resource, "error", err)
	}
	f.moved = f.moved || next != f.cursor
	f.cursor = next
}

// lineKey is what tells lines of one process apart.
type lineKey struct {
	time int64
	text string
}

// keyOf takes a text as the log gives it back: each byte that is no UTF-8 is replaced there.
func keyOf(at time.Time, text string) lineKey { return lineKey{at.UnixNano(), string([]rune(text))} }

// logged returns the lines behind the cursor that stand in the log already: the last worker may have been killed before it had
// kept how far it was.
func (f *follower) logged(ctx context.Context) map[lineKey]int {
	var first time.Time
	_, _ = supervise.ReadLines(f.dir, f.cursor, func(l supervise.Line) { // what cannot be read is not taken either
		if first.IsZero() {
			first = l.Time
		}
	})
	if first.IsZero() {
		return nil
	}
	there := map[lineKey]int{}
	query := logstore.Query{Resources: []string{f.resource}, Sources: []string{f.source()}, Since: first}
	err := logstore.Read(ctx, filepath.Join(f.host.o.Folder, logFolder), query, func(l logstore.Line) error {
		there[keyOf(l.Time, l.Text)]++
		return nil
	})
	if err != nil {
		f.host.o.Log.Warn("compare the output of a local process with the log", "resource", f.resource, "error", err)
	}
	return there
}

func (f *follower) cursorFile() string { return f.dir + ".cursor" }

// advanced returns how far the output was read, if that is more than when it was asked last.
func (f *follower) advanced() (supervise.Cursor, bool) {
	f.reading.Lock()
	defer f.reading.Unlock()
	moved := f.moved
	f.moved = false
	return f.cursor, moved
}

// keep remembers how far the output was read. It need not survive a loss of power, so it does without state.WriteFile, which waits
// for the disk: the lines are compared with the log anyway.
func (f *follower) keep(c supervise.Cursor) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.cursorFile()+"~", data, 0o600); err != nil {
		return err
	}
	return os.Rename(f.cursorFile()+"~", f.cursorFile())
}
