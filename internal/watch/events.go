package watch

import (
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// handle takes in one event.
func (w *Watcher) handle(e event) {
	if e.op == 0 {
		return
	}
	dir, name := filepath.Dir(e.path), filepath.Base(e.path)
	if w.cookies.saw(dir, name) {
		return
	}
	parent := w.tree.nodes[dir]
	if parent == nil {
		w.change(e)
		return
	}
	mirrors := parent.mirrors // before something is dropped
	w.change(e)
	for _, m := range mirrors {
		e.path = filepath.Join(m.path, name)
		w.change(e)
	}
}

// change takes in that something happened to e.path. It looks at what is there now: events may be late.
func (w *Watcher) change(e event) {
	moved := e.op.Has(fsnotify.Create) || e.op.Has(fsnotify.Remove) || e.op.Has(fsnotify.Rename)
	var (
		isDir bool
		again *node // the folder was made below one that is new itself, and found already when that was listed
	)
	if moved || e.op.Has(fsnotify.Chmod) {
		info, err := os.Lstat(e.path)
		isDir = err == nil && info.IsDir()
		if n := w.tree.nodes[e.path]; n != nil && moved {
			if isDir && n.id == idOf(info) && !e.op.Has(fsnotify.Remove) && !e.op.Has(fsnotify.Rename) {
				again = n
			} else {
				isDir = true
				w.drop(n)
			}
		}
	}
	parent := w.tree.nodes[filepath.Dir(e.path)]
	if parent == nil { // of a root itself: drop has seen to it
		return
	}
	for _, r := range parent.names[filepath.Base(e.path)] {
		if r.at.kind == file && r.at.real == e.path {
			w.report(r, r.path, false, e.at)
		}
		if moved && !resolve(r.path).equal(r.at) {
			w.replace = true
		}
	}
	for _, r := range parent.covers {
		w.report(r, e.path, isDir, e.at)
	}
	switch {
	case again != nil:
		// Or it seems so: its number may have been that of another folder. One look more is cheap.
		w.refresh(again)
		w.list(again, again.covers)
	case moved && isDir && len(parent.covers) > 0:
		w.visitBelow(e.path, parent.covers)
	}
}

// report adds path, which is below where r is, to what changed for r's target. For r itself, path may be that of r.
func (w *Watcher) report(r *root, path string, isDir bool, at time.Time) {
	if path != r.path {
		path = r.spell(path)
	}
	ignored := r.target.Ignored != nil && r.target.Ignored(path, isDir)
	if !ignored {
		r.target.changed(path, at)
	}
}
