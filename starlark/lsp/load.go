package lsp

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.starlark.net/resolve"
	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

const extensionPrefix = "ext://"

// Extensions are those that this machine has. Nothing is fetched for the editor.
type Extensions interface {
	// Find returns the file that load("ext://name") in a file of the folder dir executes, "" if it is not known.
	Find(dir, name string) string
	// Names lists what could be found.
	Names(dir string) []string
}

// stored is a file on disk as it was read.
type stored struct {
	*document
	size    int64
	changed time.Time
}

// target returns the path of the file that a document loads by a name, "" if that cannot be known.
func (s *server) target(d *document, name string) string {
	if extension, ok := strings.CutPrefix(name, extensionPrefix); ok {
		if s.Extensions == nil {
			return ""
		}
		return s.Extensions.Find(d.dir(), extension)
	}
	switch {
	case name == "":
		return ""
	case filepath.IsAbs(name):
		return filepath.Clean(name)
	case d.path == "":
		return ""
	}
	return filepath.Join(d.dir(), filepath.FromSlash(name))
}

// loaded returns the file that a document loads by a name: as it is in the editor, or else on disk; nil if there is none.
func (s *server) loaded(d *document, name string) *document {
	path := s.target(d, name)
	if path == "" {
		return nil
	}
	if open := s.open(path); open != nil {
		return open
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxParsed {
		delete(s.stored, path)
		return nil
	}
	if known := s.stored[path]; known.document != nil && known.size == info.Size() && known.changed.Equal(info.ModTime()) {
		return known.document
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	read := newDocument(uriOf(path), 0, newText(string(src), s.encoding))
	s.stored[path] = stored{read, info.Size(), info.ModTime()}
	return read
}

// open returns the document of a path, nil if it is not open.
func (s *server) open(path string) *document {
	for _, d := range s.documents {
		if d.path == path {
			return d
		}
	}
	return nil
}

// loads reports whether a document names a file.
func (s *server) loads(d *document, path string) bool {
	for i := range d.outline().statements {
		if file := d.outline().statements[i].loaded(); file != "" && s.target(d, file) == path {
			return true
		}
	}
	return false
}

// loaded returns the file that a statement loads, as it is written; "" if it does not load.
func (st *statement) loaded() string {
	if !st.tokens[0].is("load") || len(st.tokens) < 3 || st.tokens[2].kind != stringToken {
		return ""
	}
	return st.tokens[2].value()
}

// isMissing reports whether it is sure that there is no file of a path.
func isMissing(path string) bool {
	_, err := os.Stat(path)
	return path != "" && os.IsNotExist(err)
}

// exported returns the names that other files can load from a document; nil if it cannot be parsed, so that nobody knows.
func (s *server) exported(d *document) map[string]bool {
	if d.exports != nil || len(d.string) > maxParsed || tooDeep(d.outline().tokens) {
		return d.exports
	}
	file, err := kit.Dialect().Parse(d.path, d.string, 0)
	if err != nil {
		return nil
	}
	_ = resolve.File(file, s.predeclared, gostarlark.Universe.Has) // a name that is not defined does not matter here
	module, ok := file.Module.(*resolve.Module)
	if !ok {
		return nil
	}
	d.exports = map[string]bool{}
	for _, binding := range module.Globals {
		d.exports[binding.First.Name] = true
	}
	return d.exports
}
