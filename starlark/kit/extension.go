package kit

import (
	"fmt"
	"os/exec"
	"path/filepath"
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

// LookPath returns the path of a program, as the PATH of this environment has it.
func (e *Environ) LookPath(program string) (string, error) {
	list, _ := e.Lookup("PATH")
	for _, dir := range filepath.SplitList(list) {
		if !filepath.IsAbs(dir) {
			continue // it would be found in one folder only
		}
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w in PATH", program, exec.ErrNotFound)
}
