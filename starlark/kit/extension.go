package kit

import (
	"fmt"
	"sync"
)

// extensionPrefix begins the names of extensions in load, load_dynamic and include.
const extensionPrefix = "ext://"

// Head is the newest commit of a repository of extensions.
type Head struct {
	Commit string
	Stale  string // why it is not known to be the newest, "" if it is
}

// Heads remember the newest commits of repositories of extensions, by URL, so that a process that evaluates many times asks for
// them once. Several evaluations may use it at a time. The zero value is ready.
type Heads struct {
	mu    sync.Mutex
	known map[string]Head // guarded by mu
}

// Get returns what is known of a repository.
func (h *Heads) Get(url string) (Head, bool) {
	if h == nil {
		return Head{}, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	head, ok := h.known[url]
	return head, ok
}

// Put remembers the newest commit of a repository.
func (h *Heads) Put(url string, head Head) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil {
		h.known = map[string]Head{}
	}
	h.known[url] = head
}

// MissingProgramError says that an extension runs a program that this machine does not have.
type MissingProgramError struct{ Extension, Program string }

func (e *MissingProgramError) Error() string {
	return fmt.Sprintf("the extension %s needs the program %s, which is not on this machine", e.Extension, e.Program)
}
