package kit

import (
	"os"
	"path/filepath"
)

// fileSet is a list of paths without repetition.
type fileSet struct {
	list []string
	seen map[string]bool
}

func (s *fileSet) add(path string) {
	if s.seen[path] {
		return
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[path] = true
	s.list = append(s.list, path)
}

// Note marks an absolute path as read or looked for: when it appears, changes or goes, the Tiltfile is evaluated again.
func (r *Run) Note(path string) { r.files.add(filepath.Clean(path)) }

// NoteTree marks a folder with all that is below it. In the list it ends in a slash.
func (r *Run) NoteTree(path string) {
	r.files.add(filepath.Clean(path) + string(filepath.Separator))
}

// NoteAll marks what another evaluation has noted.
func (r *Run) NoteAll(configFiles []string) {
	for _, path := range configFiles {
		r.files.add(path)
	}
}

// ConfigFiles are the paths noted so far.
func (r *Run) ConfigFiles() []string { return append([]string{}, r.files.list...) }

// ReadFile reads a file and notes it, also when it is missing.
func (r *Run) ReadFile(path string) ([]byte, error) {
	r.Note(path)
	return os.ReadFile(path)
}
