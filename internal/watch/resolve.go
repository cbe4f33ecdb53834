package watch

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kind is what a root is at the moment.
type kind int

const (
	missing kind = iota
	file         // or anything else that is no folder
	folder
)

// spot is where a root is.
type spot struct {
	kind kind
	real string      // without symbolic links, as far as it exists
	id   fileID      // of a folder
	deps []nameInDir // what would make it be elsewhere: links on the way, the root itself, the first part that is missing
}

type nameInDir struct{ dir, name string }

func (s spot) equal(other spot) bool {
	return s.kind == other.kind && s.real == other.real && s.id == other.id && slices.Equal(s.deps, other.deps)
}

// maxLinks is how many symbolic links a path may go through, as on Linux.
const maxLinks = 40

// resolve finds out where path leads. It follows links, the last part included.
func resolve(path string) spot {
	var (
		s     spot
		links int
		at    = volume(path)
		rest  = parts(path)
		info  fs.FileInfo
	)
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		here := nameInDir{at, rest[0]}
		var err error
		info, err = os.Lstat(next)
		switch {
		case err == nil && info.Mode()&fs.ModeSymlink != 0 && links < maxLinks:
			links++
			s.deps = append(s.deps, here)
			link, err := os.Readlink(next)
			if err != nil { // gone since
				link = rest[0]
			}
			if !filepath.IsAbs(link) {
				link = filepath.Join(at, link)
			}
			at, rest = volume(link), append(parts(link), rest[1:]...)
		case err == nil && info.IsDir():
			at, rest = next, rest[1:]
		case err == nil && len(rest) == 1 && info.Mode()&fs.ModeSymlink == 0:
			s.deps = append(s.deps, here)
			s.kind, s.real = file, next
			return s
		default:
			s.deps = append(s.deps, here)
			s.kind, s.real = missing, filepath.Join(append([]string{next}, rest[1:]...)...)
			return s
		}
	}
	s.kind, s.real = folder, at
	if above := filepath.Dir(at); above != at {
		s.deps = append(s.deps, nameInDir{above, filepath.Base(at)})
	}
	if info == nil || !info.IsDir() {
		info, _ = os.Lstat(at)
	}
	if info != nil {
		s.id = idOf(info)
	}
	return s
}

// volume returns where the absolute path begins: "/", or "C:\".
func volume(path string) string {
	return filepath.VolumeName(path) + string(filepath.Separator)
}

func parts(path string) []string {
	path = strings.Trim(filepath.Clean(path)[len(filepath.VolumeName(path)):], string(filepath.Separator))
	if path == "" {
		return nil
	}
	return strings.Split(path, string(filepath.Separator))
}
