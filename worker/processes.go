package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/envflow/envflow/activities/process"
	"github.com/envflow/envflow/internal/agent"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/supervise"
)

// processFolder is where an environment's local processes have their folders, below its state folder.
const processFolder = "processes"

// processes follows the local processes of the environment: what they print, and how they stand. It starts and ends none: shims
// keep them, at the wish of activities. All it knows it reads from the shims' folders.
type processes struct {
	host       *Host
	activities *process.Activities
	changed    chan struct{} // has an element when other folders are to be followed

	mu  sync.Mutex
	all map[string]*follower // by folder
}

func newProcesses(h *Host) *processes {
	s := &processes{host: h, changed: make(chan struct{}, 1), all: map[string]*follower{}}
	s.activities = &process.Activities{
		Plans: &h.plans, Records: h.records, Digests: h.digests, Folder: filepath.Join(h.o.Folder, processFolder),
		Agent: func() (string, error) { return agent.Path(filepath.Dir(h.o.Folder)) }, Environ: h.commandEnviron,
		Holder: filepath.Join(h.o.Folder, lockFile), Orphan: h.o.OrphanTimeout,
		Enter: h.enterCommand, Observe: s.observe, Log: h.line,
	}
	return s
}

// set makes it follow the processes of a plan.
func (s *processes) set(p *plan.Plan) {
	wanted := map[string]*follower{}
	for i := range p.Resources {
		r := &p.Resources[i]
		if r.Local == nil || !r.Enabled {
			continue
		}
		for _, kind := range []string{process.KindCommand, process.KindServer} {
			dir := process.Dir(s.activities.Folder, r.Name, kind)
			wanted[dir] = &follower{host: s.host, resource: r.Name, kind: kind, dir: dir}
		}
	}
	s.mu.Lock()
	for dir, f := range s.all {
		if wanted[dir] != nil {
			wanted[dir] = f
		} else {
			f.end()
		}
	}
	s.all = wanted
	s.mu.Unlock()
	for i := range p.Resources {
		if r := &p.Resources[i]; r.Local != nil && r.Enabled {
			s.follower(r.Name).use(s.host.runCtx, p, r.Local)
		}
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// follower returns what follows the server of a resource, nil if there is none.
func (s *processes) follower(resource string) *follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[process.Dir(s.activities.Folder, resource, process.KindServer)]
}

func (s *processes) followers() []*follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*follower, 0, len(s.all))
	for _, f := range s.all {
		list = append(list, f)
	}
	return list
}

// observe looks at a resource now, and returns what runs of it.
func (s *processes) observe(resource string) *api.Runtime {
	report := s.host.report(resource, api.StateNone, true, "") // it serves nothing
	if f := s.follower(resource); f != nil && f.serves() {
		f.look(s.host.runCtx)
		report = f.report()
	}
	return &report
}

// lookEvery is how often all processes are looked at: a shim that is killed does not say so. It is also how often it is kept how
// far their output was read.
const lookEvery = time.Second

// Run follows until ctx ends.
func (s *processes) Run(ctx context.Context) {
	events, watch, closeWatcher := s.watcher()
	defer closeWatcher()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, f := range s.followers() {
				f.read(context.WithoutCancel(ctx))
				f.end()
			}
			s.keepCursors()
			return
		case event := <-events:
			s.mu.Lock()
			f := s.all[filepath.Dir(event.Name)]
			s.mu.Unlock()
			if f != nil {
				f.look(ctx)
			}
		case <-s.changed:
			for _, f := range s.followers() {
				watch(f.dir)
				f.look(ctx)
			}
		case <-tick.C:
			for _, f := range s.followers() {
				f.look(ctx)
			}
			s.keepCursors()
		}
	}
}

// watcher tells of changes in folders. Where the system has no more watches to give, they are looked at each second all the same.
func (s *processes) watcher() (events <-chan fsnotify.Event, watch func(dir string), end func()) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		s.host.o.Log.Warn("watch the folders of local processes", "error", err)
		return nil, func(string) {}, func() {}
	}
	go func() {
		for range w.Errors { // what was missed is seen at the next look
		}
	}()
	return w.Events, func(dir string) {
		err := os.MkdirAll(dir, 0o700)
		if err = errors.Join(err, w.Add(dir)); err != nil {
			s.host.o.Log.Warn("watch the folder of a local process", "error", err)
		}
	}, func() { _ = w.Close() }
}

// keepCursors keeps how far output was read that has been read since the last time.
func (s *processes) keepCursors() {
	moved := map[*follower]supervise.Cursor{}
	for _, f := range s.followers() {
		if cursor, ok := f.advanced(); ok {
			moved[f] = cursor
		}
	}
	if len(moved) == 0 {
		return
	}
	s.host.log.Flush() // before: a line is read twice rather than lost
	for f, cursor := range moved {
		if err := f.keep(cursor); err != nil {
			s.host.o.Log.Warn("keep how far the output of a local process was read", "error", err)
		}
	}
}

// stopAll ends all processes at the end of a worker that leaves in peace. They have been told already, but for one that an
// activity was about to start.
func (s *processes) stopAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := s.activities.Stop(ctx, api.StopIn{}); err != nil && ctx.Err() == nil {
		s.host.o.Log.Warn("end the local processes", "error", err)
	}
}

// StopProcesses ends the local processes of an environment without a worker.
func StopProcesses(ctx context.Context, folder string) (api.StopOut, error) {
	return (&process.Activities{Folder: filepath.Join(folder, processFolder)}).Stop(ctx, api.StopIn{})
}
