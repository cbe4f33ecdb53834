package watch

import (
	"maps"
	"path/filepath"
	"slices"
	"time"
)

// How a batch grows.
const (
	manyPaths  = 16                     // from so many, a batch is a burst
	maxPaths   = 50_000                 // from so many, looking at everything is no slower
	maxQuiet   = 300 * time.Millisecond // a burst that pauses for so long is over
	quietParts = 2                      // the longer a burst has lasted, the longer a pause ends it: this part of it
)

// target is a Target and what is to be told to it.
type target struct {
	Target

	roots  []*root
	paths  map[string]struct{}
	rescan bool
	first  time.Time // the first change of the batch; zero: there is none
	last   time.Time
}

// become gives the target the form spec. It reports whether that is the form it has.
func (t *target) become(spec Target) (same bool) {
	sameFilter := t.FilterID == spec.FilterID
	if sameFilter && spec.FilterID != "" && slices.Equal(t.Roots, spec.Roots) {
		t.Target = spec // the filters, too, do what they did
		return true
	}
	known := map[string]*root{}
	for _, r := range t.roots {
		known[r.path] = r
	}
	spec.Roots = slices.Clone(spec.Roots)
	t.Target, t.roots = spec, nil
	for _, path := range spec.Roots {
		path = filepath.Clean(path)
		r := known[path]
		if r == nil {
			r = &root{target: t, path: path}
		}
		r.silent = !sameFilter
		t.roots = append(t.roots, r)
	}
	return false
}

func (t *target) changed(path string, at time.Time) {
	t.touch(at)
	if t.paths == nil {
		t.paths = map[string]struct{}{}
	}
	t.paths[path] = struct{}{}
	if len(t.paths) > maxPaths {
		t.paths, t.rescan = nil, true
	}
}

func (t *target) rescanAt(at time.Time) {
	t.touch(at)
	t.rescan = true
}

func (t *target) touch(at time.Time) {
	if t.first.IsZero() {
		t.first = at
	}
	t.last = at
}

// due returns when the batch is to be delivered.
//
// A single save is followed by quiet at once. A checkout goes on, with pauses that grow with it: so does the quiet that ends
// it. One file that is written without end, a log for instance, must not keep back the others for long: few paths wait for a
// tenth of the longest time only.
func (t *target) due(o Options) time.Time {
	quiet := o.Quiet + min(t.last.Sub(t.first)/quietParts, maxQuiet)
	limit := o.Max
	if many := len(t.paths) >= manyPaths || t.rescan; many {
		quiet = max(quiet, 5*o.Quiet)
	} else {
		limit /= 10
	}
	due := t.last.Add(quiet)
	if latest := t.first.Add(limit); latest.Before(due) {
		return latest
	}
	return due
}

// due takes the batches that are to be delivered by now, and returns how long until there is another one.
func (w *Watcher) due(now time.Time) (batches []Batch, next time.Duration) {
	next = time.Hour
	for _, t := range w.targets {
		if t.first.IsZero() {
			continue
		}
		if wait := t.due(w.o).Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		batches = append(batches, Batch{Target: t.Name, Paths: slices.Sorted(maps.Keys(t.paths)), Rescan: t.rescan, First: t.first})
		t.paths, t.rescan, t.first = nil, false, time.Time{}
	}
	return batches, next
}
