package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Target is what one image, or the Tiltfile, depends on.
type Target struct {
	Name  string   // unique; for instance an image's ref, or "(Tiltfile)"
	Roots []string // absolute paths of files and folders, which may not exist yet. Of a folder all that is below it counts

	// Ignored says that a change of path is none. Nil ignores nothing. isDir is false for a folder that is gone unless it was
	// watched.
	Ignored func(path string, isDir bool) bool
	// SkipDir says that nothing below the folder path counts, so that it needs no watch. It is not asked for roots. Nil skips
	// nothing. Where it is false, Ignored decides on each path below.
	SkipDir func(path string) bool
	// FilterID stands for what Ignored and SkipDir do. Set does nothing for targets whose Roots and FilterID are those of
	// before; without an ID it has to ask the filters again about every folder.
	FilterID string
}

// Batch is what changed for one target.
type Batch struct {
	Target string
	// Paths are absolute, sorted and unique, below Roots as the target spells them. Each was made, changed, renamed or
	// removed, or may have been. That of a folder, or of what was one, stands for all that was below it and is not there any
	// more: a folder that was moved away takes its files along without a word. What is there and new is listed itself.
	Paths  []string
	Rescan bool      // changes may have been missed: look at everything. Paths are then a part of it, or none
	First  time.Time // when the first of the changes was noticed
}

// Options are those of New.
type Options struct {
	Quiet   time.Duration // so long after a single change without another one the batch is delivered; 0: 10 ms
	Max     time.Duration // a batch is delivered at the latest so long after its first change; 0: 10 s
	OnBatch func(Batch)   // called from Run, one at a time. It must be quick, and may call Set and Rescan but not Settled
	Log     *slog.Logger  // warnings; nil: none
	Dir     string        // a folder for Settled alone, made if missing; "": a new one among the system's temporary files
}

// How often things are looked at that no event tells of.
const (
	pollEvery   = time.Second      // folders that could not be watched
	verifyEvery = 10 * time.Second // where roots are: a folder above one may have been renamed, or mounted over
)

// Watcher watches. Its methods are safe for concurrent use.
type Watcher struct {
	o      Options
	source *source       // nil: there is none, all is polled
	wake   chan struct{} // has an element when Run should look at its state
	done   chan struct{} // closed when Run ends

	mu      sync.Mutex // guards all that follows, and what hangs below it
	targets []*target
	tree    tree
	replace bool // roots may be elsewhere now: look again
	told    bool // of a limit
	denied  bool // a folder that cannot be read was told of
	cookies cookies
}

// New returns a Watcher without targets. Run must be called; it sets free what New takes.
func New(o Options) (*Watcher, error) {
	if o.OnBatch == nil {
		return nil, errors.New("watch files: there is nobody to tell")
	}
	if o.Quiet <= 0 {
		o.Quiet = 10 * time.Millisecond
	}
	if o.Max <= 0 {
		o.Max = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{o: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
	w.tree.init()
	source, err := newSource()
	switch {
	case err == nil:
		w.source = source
	case isLimit(err):
		w.limited(err)
	default:
		return nil, fmt.Errorf("watch files: %w", err)
	}
	// It comes first, so that it has a watch even if others will have none.
	if err := w.prepareCookies(); err != nil {
		if w.source != nil {
			err = errors.Join(err, w.source.fs.Close())
		}
		return nil, fmt.Errorf("watch files: %w", err)
	}
	return w, nil
}

// Run delivers batches until ctx ends. It returns nil then, and must be called once only.
func (w *Watcher) Run(ctx context.Context) error {
	defer w.close()
	events := make(<-chan struct{})
	if w.source != nil {
		go w.source.run()
		events = w.source.wake
	}
	verify := time.NewTicker(verifyEvery)
	defer verify.Stop()
	poll := time.NewTimer(pollEvery)
	defer poll.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		var also extra
		select {
		case <-ctx.Done():
			return nil
		case <-events:
		case <-w.wake:
		case <-due.C:
		case <-poll.C:
			also.poll = true
		case <-verify.C:
			also.verify = true
		}
		start := time.Now()
		batches, settled, next := w.turn(also)
		if also.poll { // many folders on a slow disk must not keep the machine busy
			poll.Reset(max(pollEvery, 10*time.Since(start)))
		}
		for _, batch := range batches {
			w.o.OnBatch(batch)
		}
		for _, s := range settled {
			close(s.done)
		}
		due.Reset(next)
	}
}

// extra is what a turn does besides.
type extra struct{ poll, verify bool }

// turn takes in what happened and returns what is to be told now, and after what time there will be more to tell.
func (w *Watcher) turn(also extra) ([]Batch, []*waiter, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.source != nil {
		events, overflow := w.source.take()
		for _, e := range events {
			w.handle(e)
		}
		if overflow {
			w.overflow()
		}
	}
	settled := w.cookies.take()
	if also.poll || len(settled) > 0 {
		w.poll()
	}
	if also.verify && w.moved() {
		w.replace = true
	}
	if w.replace {
		w.place()
	}
	now := time.Now()
	if len(settled) > 0 {
		now = now.Add(2 * w.o.Max) // when all that there is is due
	}
	batches, next := w.due(now)
	return batches, settled, next
}

// Set makes targets the ones that are watched. When it returns, no later change of a file is missed. Targets that were there
// before miss none at all; to a new one, nothing is reported that changed before: look at its files after Set.
func (w *Watcher) Set(targets []Target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := map[string]*target{}
	for _, t := range w.targets {
		before[t.Name] = t
	}
	same := len(targets) == len(w.targets)
	all := make([]*target, 0, len(targets))
	for _, spec := range targets {
		t := before[spec.Name]
		if t == nil {
			t = &target{}
		}
		delete(before, spec.Name)
		if !t.become(spec) {
			same = false
		}
		all = append(all, t)
	}
	if same {
		return
	}
	w.targets = all
	w.place()
	w.nudge()
}

// Pending returns the names of targets whose changes were noticed and not delivered yet, because more may follow.
func (w *Watcher) Pending() (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.targets {
		if !t.first.IsZero() {
			names = append(names, t.Name)
		}
	}
	return names
}

// Rescan makes a batch for every target that says to look at everything.
func (w *Watcher) Rescan() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rescan(time.Now())
	w.nudge()
}

func (w *Watcher) rescan(now time.Time) {
	for _, t := range w.targets {
		t.rescanAt(now)
	}
}

// overflow begins anew after events were lost: folders that were made meanwhile have no watch yet.
func (w *Watcher) overflow() {
	w.o.Log.Warn("more files changed at once than the system reports; looking at all of them")
	w.tree.again = true
	w.place()
	w.rescan(time.Now())
	w.cookies.allSeen() // theirs may be among the lost
}

// nudge makes Run take a turn.
func (w *Watcher) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *Watcher) close() {
	if w.source != nil {
		w.source.close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.o.Dir == "" {
		_ = os.RemoveAll(w.cookies.dir)
	}
	close(w.done)
}

// limited tells, once, that a limit of the system is reached.
func (w *Watcher) limited(err error) {
	if w.told {
		return
	}
	w.told = true
	setting, value, advice := limitAdvice(err)
	w.o.Log.Warn("the system's limit of file watches is reached; the folders beyond it are looked at every second, which is slower",
		"error", err, "setting", setting, "value", value, "remedy", advice)
}

// add places the watch of a folder.
func (w *Watcher) add(n *node) {
	if w.source != nil {
		err := w.source.fs.Add(n.path)
		switch {
		case err == nil, errors.Is(err, os.ErrNotExist): // the event that it is gone comes
			n.polled = nil
			return
		case isLimit(err):
			w.limited(err)
		case errors.Is(err, os.ErrPermission):
			if !w.denied {
				w.denied = true
				w.o.Log.Warn("a folder cannot be read; changes in it are not seen", "folder", n.path)
			}
			return
		case errors.Is(err, fsnotify.ErrClosed):
			return
		default:
			w.o.Log.Warn("a folder cannot be watched; it is looked at every second", "folder", n.path, "error", err)
		}
	}
	n.polled = look(n.path)
}

func (w *Watcher) remove(n *node) {
	if w.source != nil {
		_ = w.source.fs.Remove(n.path) // it is gone already if the folder is
	}
}
