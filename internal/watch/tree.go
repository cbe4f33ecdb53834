package watch

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// root is a file or folder that a target depends on.
type root struct {
	target *target
	path   string // as the target has it, clean
	at     spot   // where it was when the watches were placed last
	placed bool   // there was such a time
	lost   bool   // what was there is gone since, even if the same seems to be there again
	silent bool   // the filter is another one than at that time: what is there now because of it is no news

	// For the placing that goes on:
	known bool // folders that it did not cover before are new
	moved bool // it is elsewhere: all that is in it is new
}

// spell returns a path below where the root is as one below the root's path.
func (r *root) spell(path string) string {
	if r.at.real == r.path {
		return path
	}
	return filepath.Join(r.path, path[len(r.at.real):])
}

// node is a folder with a watch.
type node struct {
	path     string // without symbolic links
	id       fileID
	covers   []*root            // those that it is in. Shared with other nodes: never changed in place
	names    map[string][]*root // those that depend on one name in it
	children map[string]*node   // by name
	polled   map[string]stamp   // not nil: it has no watch; what was in it when it was looked at

	primary *node   // another path of the same folder (a bind mount), which has the watch of both
	mirrors []*node // nodes whose primary this is

	turn    int     // the last placing that wanted it
	visited int     // the last one that listed it
	before  []*root // covers before the last one
}

// tree is all nodes.
type tree struct {
	nodes map[string]*node // by path
	ids   map[fileID]*node // those without a primary
	roots map[string][]*root
	turn  int
	again bool // watches that were placed may be gone
}

func (t *tree) init() {
	t.nodes, t.ids, t.roots = map[string]*node{}, map[fileID]*node{}, map[string][]*root{}
}

// maxTries is how often place begins anew because something moved under its hands.
const maxTries = 5

// place makes the watches those that the targets need, from the state of the disk. What is new in the roots that were placed
// before is reported.
func (w *Watcher) place() {
	for range maxTries {
		w.replace = false
		w.placeOnce()
		// A watch sees what comes after it. What came between looking and watching is seen now.
		if !w.replace && !w.moved() {
			return
		}
	}
	w.replace = true // at the next turn
	w.nudge()
}

// moved reports whether a root is elsewhere than it was when the watches were placed.
func (w *Watcher) moved() bool {
	for _, t := range w.targets {
		for _, r := range t.roots {
			if !resolve(r.path).equal(r.at) {
				return true
			}
		}
	}
	return false
}

func (w *Watcher) placeOnce() {
	tree := &w.tree
	tree.turn++
	clear(tree.roots)
	for _, t := range w.targets {
		for _, r := range t.roots {
			w.locate(r)
			if r.at.kind == folder {
				tree.roots[r.at.real] = append(tree.roots[r.at.real], r)
			}
		}
	}
	// The watch above a root comes before its own: if the root is replaced, that one tells.
	for _, t := range w.targets {
		for _, r := range t.roots {
			for _, dep := range r.at.deps {
				if n := w.ensure(dep.dir); n != nil {
					if n.names == nil {
						n.names = map[string][]*root{}
					}
					n.names[dep.name] = append(n.names[dep.name], r)
				}
			}
		}
	}
	// A folder comes before what is below it.
	for _, path := range slices.Sorted(maps.Keys(tree.roots)) {
		if n := tree.nodes[path]; n == nil || n.visited != tree.turn {
			w.visit(path, nil)
		}
	}
	for _, t := range w.targets {
		for _, r := range t.roots {
			r.moved, r.known, r.silent = false, true, false
		}
	}
	for _, n := range tree.nodes {
		if n.turn != tree.turn {
			w.forget(n)
		}
	}
	for _, n := range tree.nodes {
		n.before = nil
		w.link(n)
	}
	tree.again = false
}

// locate finds out where r is, and tells its target if that is not where it was.
func (w *Watcher) locate(r *root) {
	before := r.at
	r.at = resolve(r.path)
	r.known = r.placed && !r.silent
	if elsewhere := r.lost || !r.at.equal(before); r.placed && elsewhere && (r.at.kind != missing || before.kind != missing) {
		now := time.Now()
		r.moved = true
		w.report(r, r.path, r.at.kind == folder, now)
		if r.at.kind == folder && before.kind == folder { // what is gone with the old one has no names
			r.target.rescanAt(now)
		}
	}
	r.placed, r.lost = true, false
}

// visit places watches on the folder path and those below it, for the roots covers and those that begin there.
func (w *Watcher) visit(path string, covers []*root) {
	if begin := w.tree.roots[path]; len(begin) > 0 {
		covers = append(slices.Clip(covers), begin...)
	}
	n := w.ensure(path)
	if n == nil {
		return
	}
	n.covers, n.visited = covers, w.tree.turn
	var fresh []*root // those to which what is in the folder is news
	for _, r := range covers {
		if r.moved || r.known && !slices.Contains(n.before, r) {
			fresh = append(fresh, r)
		}
	}
	w.list(n, fresh)
}

// list reports what is in the folder to those to which it is news, and visits the folders in it. Its watch is there already:
// what list does not see comes as an event.
func (w *Watcher) list(n *node, fresh []*root) {
	entries, err := os.ReadDir(n.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
		w.o.Log.Warn("a folder cannot be listed", "folder", n.path, "error", err)
	}
	now := time.Now()
	for _, entry := range entries {
		below := filepath.Join(n.path, entry.Name())
		for _, r := range fresh {
			w.report(r, below, entry.IsDir(), now)
		}
		if !entry.IsDir() {
			continue
		}
		if child := w.tree.nodes[below]; child == nil || child.visited != w.tree.turn {
			w.visitBelow(below, n.covers)
		}
	}
}

// visitBelow is visit for those of covers that do not skip the folder.
func (w *Watcher) visitBelow(path string, covers []*root) {
	wanted := covers
	for i, r := range covers {
		skip := r.target.SkipDir != nil && r.target.SkipDir(r.spell(path))
		if skip && len(wanted) == len(covers) {
			wanted = slices.Clone(covers[:i])
		} else if !skip && len(wanted) != len(covers) {
			wanted = append(wanted, r)
		}
	}
	if len(wanted) > 0 || len(w.tree.roots[path]) > 0 {
		w.visit(path, wanted)
	}
}

// ensure returns the node of the folder path, nil if there is no such folder.
func (w *Watcher) ensure(path string) *node {
	tree := &w.tree
	for range maxTries {
		n := tree.nodes[path]
		info, err := os.Lstat(path)
		exists := err == nil && info.IsDir()
		if n != nil && (!exists || n.id != idOf(info)) {
			// It is gone, or another has taken its place. Events of it that are still to come are lost with its watch.
			for _, r := range n.covers {
				w.report(r, path, true, time.Now())
			}
			w.drop(n)
			n = nil
		}
		if !exists {
			return nil // if it is made, an event says so
		}
		id := idOf(info)
		if n == nil {
			n = &node{path: path, id: id, primary: w.primary(id)}
			tree.nodes[path] = n
			w.link(n)
			if n.primary != nil {
				n.primary.mirrors = append(n.primary.mirrors, n)
			} else {
				tree.ids[id] = n
				w.add(n)
			}
			// A watch is placed by path: on what is there by then.
			if info, err := os.Lstat(path); err != nil || idOf(info) != id {
				w.drop(n)
				continue
			}
		} else if tree.again {
			w.refresh(n)
		}
		if n.turn != tree.turn {
			n.turn = tree.turn
			n.before, n.covers, n.names = n.covers, nil, nil
		}
		return n
	}
	return nil // whoever does this goes on, and there will be events
}

// refresh places the watch of n again, which does nothing if it is there.
func (w *Watcher) refresh(n *node) {
	if n.primary == nil {
		w.add(n)
	}
}

// primary returns the node that has a watch of the folder id under another path. The system has one watch for a folder, and
// reports one path.
func (w *Watcher) primary(id fileID) *node {
	none := fileID{}
	other := w.tree.ids[id]
	if other == nil || id == none {
		return nil
	}
	if info, err := os.Lstat(other.path); err == nil && idOf(info) == id {
		return other
	}
	w.drop(other) // renamed or removed, and the event is on its way
	return nil
}

// link makes n a child of the folder above it.
func (w *Watcher) link(n *node) {
	parent := w.tree.nodes[filepath.Dir(n.path)]
	if parent == nil || parent == n {
		return
	}
	if parent.children == nil {
		parent.children = map[string]*node{}
	}
	parent.children[filepath.Base(n.path)] = n
}

// drop forgets n and all below it. If a root was there, the watches are placed anew.
func (w *Watcher) drop(n *node) {
	for _, child := range n.children {
		w.drop(child)
	}
	for _, r := range w.tree.roots[n.path] {
		r.lost, w.replace = true, true
	}
	for _, roots := range n.names {
		for _, r := range roots {
			r.lost, w.replace = true, true
		}
	}
	w.forget(n)
}

// forget takes away the node and its watch.
func (w *Watcher) forget(n *node) {
	tree := &w.tree
	delete(tree.nodes, n.path)
	if parent := tree.nodes[filepath.Dir(n.path)]; parent != nil {
		delete(parent.children, filepath.Base(n.path))
	}
	if n.primary != nil {
		n.primary.mirrors = slices.DeleteFunc(n.primary.mirrors, func(m *node) bool { return m == n })
		return
	}
	if tree.ids[n.id] == n {
		delete(tree.ids, n.id)
	}
	w.remove(n)
	if len(n.mirrors) == 0 {
		return
	}
	heir := n.mirrors[0]
	heir.primary, heir.mirrors = nil, n.mirrors[1:]
	for _, m := range heir.mirrors {
		m.primary = heir
	}
	tree.ids[heir.id] = heir
	w.add(heir)
}
