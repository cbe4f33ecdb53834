package watch

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// stamp is what tells that something in a folder changed, without reading it.
type stamp struct {
	mode     fs.FileMode
	size     int64
	modified int64
	id       fileID
}

// look returns what is in the folder, and never nil. Of a folder in it counts only which one it is.
func look(path string) map[string]stamp {
	found := map[string]stamp{}
	entries, err := os.ReadDir(path)
	if err != nil {
		return found
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil { // gone since
			continue
		}
		s := stamp{mode: info.Mode(), id: idOf(info)}
		if !info.IsDir() {
			s.size, s.modified = info.Size(), info.ModTime().UnixNano()
		}
		found[entry.Name()] = s
	}
	return found
}

// poll looks at the folders without a watch and handles what it finds as events.
func (w *Watcher) poll() {
	var polled []*node
	for _, n := range w.tree.nodes {
		if n.polled != nil {
			polled = append(polled, n)
		}
	}
	for _, n := range polled {
		if w.tree.nodes[n.path] != n { // dropped because of what was found before
			continue
		}
		if _, err := os.Lstat(n.path); err != nil {
			w.handle(event{n.path, fsnotify.Remove, time.Now()})
			continue
		}
		before, now := n.polled, look(n.path)
		n.polled = now
		for name, s := range now {
			old, known := before[name]
			switch {
			case !known, old.id != s.id, old.mode.Type() != s.mode.Type():
				w.handle(event{filepath.Join(n.path, name), fsnotify.Create, time.Now()})
			case old != s:
				w.handle(event{filepath.Join(n.path, name), fsnotify.Write, time.Now()})
			}
		}
		for name := range before {
			if _, there := now[name]; !there {
				w.handle(event{filepath.Join(n.path, name), fsnotify.Remove, time.Now()})
			}
		}
	}
}
