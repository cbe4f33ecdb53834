//go:build unix

package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/activities/process"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
	"github.com/envflow/envflow/internal/supervise"
	"github.com/envflow/envflow/internal/testenv"
)

func TestMain(m *testing.M) {
	testenv.BeShim()
	os.Exit(m.Run())
}

// limit is how long a test waits for what takes a moment.
const limit = 20 * time.Second

// room is an environment with one local resource, "it", whose processes run under real shims.
type room struct {
	t     *testing.T
	a     *process.Activities
	store *records.Store
	plan  *plan.Plan
	deps  string // the folder that the resource depends on
	notes string // a folder that it does not

	mu      sync.Mutex
	log     []string
	entered []bool // alone, of each Enter
	left    int    // how often leave was called
}

// newRoom has the resource run as the function says.
func newRoom(t *testing.T, local func(r *room, l *plan.Local)) *room {
	t.Helper()
	t.Parallel()
	r := &room{t: t, deps: t.TempDir(), notes: t.TempDir()}
	folder := filepath.Join(t.TempDir(), "of [a] worker")
	store, err := records.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	r.check(err)
	r.store = store
	r.a = &process.Activities{
		Plans: &activities.Plans{}, Records: store, Digests: filetree.NewCache(), Folder: folder,
		Agent: os.Executable, Environ: os.Environ, Observe: func(resource string) *api.Runtime { return &api.Runtime{Resource: resource} },
		Enter: r.enter,
		Log: func(resource, source, line string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.log = append(r.log, resource+" "+source+" "+line)
		},
	}
	r.use(local)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
		defer cancel()
		for _, dir := range r.dirs() {
			if err := supervise.Stop(ctx, dir); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
		for left := r.marked(); len(left) > 0; left = r.marked() { // a shim takes a moment to end after its command
			if ctx.Err() != nil {
				t.Errorf("processes %v are left", left)
				break
			}
		}
		_ = store.Close()
	})
	return r
}

// use puts another plan into force.
func (r *room) use(local func(r *room, l *plan.Local)) {
	l := &plan.Local{Deps: []string{r.deps}, StopGrace: limit.Seconds()}
	local(r, l)
	r.plan = &plan.Plan{Resources: []plan.Resource{{Name: "it", Type: plan.TypeLocal, Local: l}}}
	r.a.Plans.Use(r.plan)
}

// anotherWorker is there from now on. What the one before was at is not known to it but from the disk.
func (r *room) anotherWorker() {
	next := *r.a
	next.Plans, next.Digests = &activities.Plans{}, filetree.NewCache()
	next.Plans.Use(r.plan)
	r.a = &next
}

func (r *room) enter(_ context.Context, _ string, alone bool) (func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entered = append(r.entered, alone)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.left++
	}, nil
}

func (r *room) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) write(path, text string) {
	r.t.Helper()
	r.check(os.WriteFile(path, []byte(text), 0o600))
}

func (r *room) dep(name string) string  { return filepath.Join(r.deps, name) }
func (r *room) note(name string) string { return filepath.Join(r.notes, name) }

// command is a script in the room's folder for notes.
func (r *room) command(script string, args ...any) *plan.Command {
	return &plan.Command{Argv: []string{"sh", "-c", fmt.Sprintf(script, args...)}, Dir: r.notes}
}

// counted is a command whose runs are counted.
func (r *room) counted(script string, args ...any) *plan.Command {
	return r.command("echo x >> runs; "+script, args...)
}

// waiting is a counted command that waits until the test lets it go on.
func waiting(r *room, l *plan.Local) { l.Update = r.counted(untilGate) }

const untilGate = `touch began; until [ -e gate ]; do sleep 0.02; done`

// began waits until a waiting command runs.
func (r *room) began() supervise.State {
	r.t.Helper()
	r.appears(r.note("began"))
	var state supervise.State
	testenv.Eventually(r.t, limit, "the shim says so", func() (err error) { // a moment later
		if state, err = supervise.Read(r.dir(process.KindCommand)); err == nil && (state.Phase != supervise.PhaseRunning || !state.Alive()) {
			err = fmt.Errorf("the state is %+v", state)
		}
		return err
	})
	return state
}

func (r *room) openGate() { r.t.Helper(); r.write(r.note("gate"), "") }

func (r *room) appears(path string) {
	r.t.Helper()
	testenv.Eventually(r.t, limit, path, func() error {
		_, err := os.Stat(path)
		return err
	})
}

func (r *room) wantRuns(want int) {
	r.t.Helper()
	data, err := os.ReadFile(r.note("runs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	if got := strings.Count(string(data), "x"); got != want {
		r.t.Errorf("it has run %d times, want %d", got, want)
	}
}

func (r *room) spec() string { return r.plan.SpecDigest("it") }

func (r *room) in(change ...func(*api.RunCommandIn)) api.RunCommandIn {
	in := api.RunCommandIn{Resource: "it", Spec: r.spec()}
	for _, c := range change {
		c(&in)
	}
	return in
}

func anew(in *api.RunCommandIn)      { in.Anew = true }
func retry(in *api.RunCommandIn)     { in.Retry = true }
func checkOnly(in *api.RunCommandIn) { in.Check = true }

func (r *room) try(change ...func(*api.RunCommandIn)) (api.RunCommandOut, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), limit)
	defer cancel()
	return r.a.Run(ctx, r.in(change...))
}

// run runs what is due, and says whether it was.
func (r *room) run(change ...func(*api.RunCommandIn)) (due bool) {
	r.t.Helper()
	out, err := r.try(change...)
	r.check(err)
	return out.Due
}

func (r *room) wantDue(want bool, what string, change ...func(*api.RunCommandIn)) { //nolint:revive // want is compared
	r.t.Helper()
	if got := r.run(change...); got != want {
		r.t.Errorf("%s: due %v, want %v", what, got, want)
	}
}

// answer is what Run has come to.
type answer struct {
	out api.RunCommandOut
	err error
}

// begin calls Run until ctx ends.
func (r *room) begin(ctx context.Context) <-chan answer {
	done := make(chan answer, 1)
	a, in := r.a, r.in()
	go func() {
		out, err := a.Run(ctx, in)
		done <- answer{out, err}
	}()
	return done
}

func (r *room) come(done <-chan answer) answer {
	r.t.Helper()
	select {
	case got := <-done:
		return got
	case <-time.After(limit):
		r.t.Fatal("Run does not return")
		return answer{}
	}
}

func (r *room) serve() api.ServeOut {
	r.t.Helper()
	out, err := r.tryServe()
	r.check(err)
	return out
}

func (r *room) tryServe() (api.ServeOut, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), limit)
	defer cancel()
	return r.a.Serve(ctx, api.ServeIn{Resource: "it", Spec: r.spec()})
}

func (r *room) dir(kind string) string { return process.Dir(r.a.Folder, "it", kind) }

func (r *room) dirs() (all []string) {
	resources, _ := os.ReadDir(r.a.Folder) // there may be none
	for _, resource := range resources {
		for _, kind := range []string{process.KindCommand, process.KindServer} {
			all = append(all, filepath.Join(r.a.Folder, resource.Name(), kind))
		}
	}
	return all
}

// server is the state of the server's shim.
func (r *room) server() supervise.State {
	r.t.Helper()
	state, err := supervise.Read(r.dir(process.KindServer))
	r.check(err)
	return state
}

func (r *room) record() records.Command {
	r.t.Helper()
	record, _, err := r.store.Command(r.t.Context(), "it")
	r.check(err)
	return record
}

// killed ends a shim in a way that it does not notice, and leaves its command.
func (r *room) killed(state supervise.State) {
	r.t.Helper()
	r.check(syscall.Kill(state.Shim.PID, syscall.SIGKILL))
	r.gone("the shim", state.Shim)
	if !state.Command.Alive() {
		r.t.Error("the command of a shim that was killed is gone by itself")
	}
}

func (r *room) gone(what string, p supervise.Process) {
	r.t.Helper()
	testenv.Eventually(r.t, limit, what+" is gone", func() error {
		if p.Alive() {
			return errors.New("it is alive")
		}
		return nil
	})
}

// marked are the processes of all shims of the room.
func (r *room) marked() (pids []int) {
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environments {
		data, err := os.ReadFile(path)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		ours := func(pair string) bool {
			return strings.HasPrefix(pair, "ENVFLOW_SHIM="+r.a.Folder+string(os.PathSeparator))
		}
		if err == nil && slices.ContainsFunc(strings.Split(string(data), "\x00"), ours) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (r *room) wantNothingLeft() {
	r.t.Helper()
	testenv.Eventually(r.t, limit, "nothing is left", func() error {
		if left := r.marked(); len(left) > 0 {
			return fmt.Errorf("processes %v are", left)
		}
		return nil
	})
}

// logged returns the lines of the log that hold a text.
func (r *room) logged(text string) (lines []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.log {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

// wantFailure fails the test unless err is a failure of that class and summary.
func (r *room) wantFailure(err error, class failure.Class, summary string) {
	r.t.Helper()
	if err == nil {
		r.t.Fatalf("there is no error; want %q", summary)
	}
	if f := failure.Of(err); f.Class != class || f.Summary != summary {
		r.t.Errorf("the failure is %s %q (%v), want %s %q", f.Class, f.Summary, err, class, summary)
	}
}
