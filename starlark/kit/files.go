package kit

import (
	"errors"
	"fmt"
	"io/fs"
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

// ReadFile reads a file and notes it, also when it is missing. It refuses what may not end, such as a pipe.
func (r *Run) ReadFile(path string) ([]byte, error) {
	r.Note(path)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, r.notAFile(path, info)
	}
	return os.ReadFile(path)
}

func (r *Run) notAFile(path string, info fs.FileInfo) error {
	if info.IsDir() {
		return Hint(fmt.Errorf("%s is a folder", r.Display(path)), "name a file in it")
	}
	return Hint(fmt.Errorf("%s is neither a file nor a folder", r.Display(path)), "copy what it gives to a file")
}

// Unread names the path in an error of ReadFile.
func Unread(path string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("read %s: %w", path, pe.Err)
	}
	return err // it has the path
}
