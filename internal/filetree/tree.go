package filetree

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// digestLength is how many hex digits of a SHA-256 are kept.
const digestLength = 32

// Entry is one file, symbolic link or empty folder.
type Entry struct {
	Digest string      // first 32 hex digits of the SHA-256 of the content, or of the link's target; "" of a folder
	Mode   fs.FileMode // type and permission bits
	Size   int64       // bytes of content; 0 of links and folders
}

// Tree is what is below a folder, by absolute path: files, symbolic links, and folders that hold nothing. Sockets, pipes and
// devices are not in it.
type Tree map[string]Entry

// Diff returns the paths that are in one tree only or differ, sorted.
func Diff(a, b Tree) []string {
	return differing(a, b)
}

// Digest returns 32 hex digits for the tree, with paths relative to base: the same files have the same digest at another
// place and on another machine.
func (t Tree) Digest(base string) string {
	type line struct{ rel, path string }
	lines := make([]line, 0, len(t))
	for path := range t {
		rel, err := filepath.Rel(base, path)
		if err != nil { // another volume of Windows
			rel = path
		}
		lines = append(lines, line{filepath.ToSlash(rel), path})
	}
	slices.SortFunc(lines, func(a, b line) int {
		if a.rel < b.rel {
			return -1
		}
		return 1
	})
	hash := sha256.New()
	for _, l := range lines {
		e := t[l.path]
		// Quoted, so that no name of a file can look like the next line. A hash's Write never fails.
		_, _ = fmt.Fprintf(hash, "%q %o %s\n", l.rel, uint32(e.Mode), e.Digest)
	}
	return hex.EncodeToString(hash.Sum(nil))[:digestLength]
}

// differing returns the keys that are in one map only or have another value there, sorted.
func differing[V comparable](a, b map[string]V) []string {
	var paths []string
	for path, v := range a {
		if w, ok := b[path]; !ok || v != w {
			paths = append(paths, path)
		}
	}
	for path := range b {
		if _, ok := a[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
