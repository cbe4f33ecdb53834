package ignore

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/envflow/envflow/internal/plan"
)

// maxFolders is how many folders a Filter remembers. Beyond, it forgets all and begins again: they can be asked for anew.
const maxFolders = 1 << 16

// Filter says which paths are ignored. The nil Filter ignores nothing. It is safe for concurrent use.
//
// Paths are absolute and clean, as filepath.Join returns them. What a Filter finds out about a folder it remembers, so that
// a path costs one look at its own name per pattern, and hardly any memory.
type Filter struct {
	lists []list

	mu      sync.RWMutex
	folders map[string]*folder // by absolute path
}

// list is one plan.Ignore.
type list struct {
	base     string // clean
	prefix   string // base, ends in a separator
	patterns []pattern
	first    int // number of the first pattern among those of all lists
}

// folder is what is known of a folder.
type folder struct {
	matched []bool // by the number of a pattern: it matches the folder or one above
	below   []bool // by the number of a list: the folder is its base or below
	ignored bool
	skipped bool // so is everything below
}

// New returns the filter of the lists. An error names the Source of a list and the pattern that is wrong, or the base that
// is no absolute path.
func New(rules ...plan.Ignore) (*Filter, error) {
	f := &Filter{folders: map[string]*folder{}}
	count := 0
	for _, rule := range rules {
		if !filepath.IsAbs(rule.Base) {
			return nil, fmt.Errorf("%s: patterns are relative to %q, which is no absolute path", rule.Source, rule.Base)
		}
		l := list{base: filepath.Clean(rule.Base), first: count}
		l.prefix = l.base
		if !strings.HasSuffix(l.prefix, separator) {
			l.prefix += separator
		}
		for _, text := range rule.Patterns {
			p, ok, err := parse(text)
			if err != nil {
				return nil, fmt.Errorf("%s: pattern %q: %w", rule.Source, text, err)
			}
			if ok {
				l.patterns = append(l.patterns, p)
			}
		}
		if len(l.patterns) == 0 {
			continue
		}
		count += len(l.patterns)
		f.lists = append(f.lists, l)
	}
	return f, nil
}

// Ignores says whether an absolute path is ignored. The base of a list is never ignored by that list. That a path is a
// folder changes nothing in the syntax of .dockerignore; folders that are asked for are remembered.
func (f *Filter) Ignores(path string, isDir bool) bool { //nolint:revive // whoever walks knows it, and it decides nothing
	if f == nil || len(f.lists) == 0 {
		return false
	}
	if at := strings.LastIndexByte(path, filepath.Separator); !isDir && at > 0 && at < len(path)-1 {
		return f.ignoresFile(path, path[at+1:], f.folder(path[:at]))
	}
	return f.folder(path).ignored
}

// SkipsDir says whether a folder and everything that could be below it are ignored: no "!" pattern can bring any of it back.
func (f *Filter) SkipsDir(path string) bool {
	return f != nil && len(f.lists) > 0 && f.folder(path).skipped
}

func (f *Filter) ignoresFile(path, name string, parent *folder) bool {
	if parent.skipped {
		return true
	}
	for i := range f.lists {
		l := &f.lists[i]
		if !parent.below[i] {
			continue
		}
		rel := path[len(l.prefix):]
		for k, p := range slices.Backward(l.patterns) {
			if parent.matched[l.first+k] || p.matches(rel, name) {
				if !p.exclusion {
					return true
				}
				break
			}
		}
	}
	return false
}

// folder returns what is known of a folder, and finds it out first if need be.
func (f *Filter) folder(path string) *folder {
	f.mu.RLock()
	d := f.folders[path]
	f.mu.RUnlock()
	if d != nil {
		return d
	}
	var parent *folder
	if up := filepath.Dir(path); up != path {
		parent = f.folder(up)
	}
	d = f.look(path, parent)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.folders) >= maxFolders {
		clear(f.folders)
	}
	f.folders[path] = d
	return d
}

func (f *Filter) look(path string, parent *folder) *folder {
	d := &folder{below: make([]bool, len(f.lists))}
	last := f.lists[len(f.lists)-1]
	d.matched = make([]bool, last.first+len(last.patterns))
	if parent != nil && parent.skipped {
		d.ignored, d.skipped = true, true
	}
	name := filepath.Base(path)
	for i := range f.lists {
		l := &f.lists[i]
		if path == l.base {
			d.below[i] = true
			continue
		}
		if !strings.HasPrefix(path, l.prefix) {
			continue
		}
		d.below[i] = true
		rel := path[len(l.prefix):]
		decides := -1 // the pattern that does
		for k, p := range l.patterns {
			n := l.first + k
			d.matched[n] = parent != nil && parent.matched[n] || p.matches(rel, name)
			if d.matched[n] {
				decides = k
			}
		}
		if decides < 0 || l.patterns[decides].exclusion {
			continue
		}
		d.ignored = true
		if !slices.ContainsFunc(l.patterns[decides+1:], func(p pattern) bool { return p.exclusion && p.mayMatchBelow(rel) }) {
			d.skipped = true
		}
	}
	return d
}
