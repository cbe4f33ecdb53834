package watch

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWatcher_MissesNothing does to a tree whatever comes, and compares what was told with what is there.
func TestWatcher_MissesNothing(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	dir := realTemp(t)
	h := start(t, Options{})
	targets := []Target{
		{Name: "all", Roots: []string{dir + "/root"}},
		{Name: "part", Roots: []string{dir + "/root/a", dir + "/root/b/c"}},
	}
	h.Set(targets)
	before := contents(t, dir)
	for round := range 150 {
		var done []string
		for range 1 + random.IntN(12) {
			done = append(done, disturb(random, dir+"/root"))
		}
		if random.IntN(10) == 0 {
			h.Set(targets)
		}
		told := h.take()
		now := contents(t, dir)
		for _, target := range targets {
			for _, path := range difference(before, now) {
				below := slices.ContainsFunc(target.Roots, func(r string) bool { return strings.HasPrefix(path+"/", r+"/") })
				if below && !isTold(told[target.Name], path, now) {
					t.Fatalf("seed %d, round %d: %s was not told of %s after\n%s\ntold: %v", seed, round, target.Name, path, strings.Join(done, "\n"), told[target.Name])
				}
			}
		}
		before = now
	}
}

// isTold reports whether paths tell of a change of path: itself, or a folder above it if it is gone.
func isTold(paths []string, path string, now map[string]string) bool {
	if slices.Contains(paths, path) || slices.Contains(paths, "RESCAN") {
		return true
	}
	_, there := now[path]
	return !there && slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(path, p+"/") })
}

// disturb does one thing below dir and says what.
func disturb(random *rand.Rand, dir string) string {
	name := func() string {
		path := dir
		for range random.IntN(4) {
			path += "/" + string(rune('a'+random.IntN(4)))
		}
		return path
	}
	from, to := name(), name()
	switch random.IntN(7) {
	case 0:
		return fmt.Sprint("mkdir ", from, os.MkdirAll(from, 0o755))
	case 1:
		return fmt.Sprint("rm ", from, os.RemoveAll(from))
	case 2, 3:
		return fmt.Sprint("mv ", from, " ", to, os.Rename(from, to))
	default:
		err := os.MkdirAll(filepath.Dir(from), 0o755)
		if err == nil {
			err = os.WriteFile(from, fmt.Append(nil, random.Uint64()), 0o600)
		}
		return fmt.Sprint("write ", from, err)
	}
}

// contents returns what is below dir: the content of files, "" for folders.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			var data []byte
			data, err = os.ReadFile(path)
			all[path] = string(data)
		} else {
			all[path] = ""
		}
		return err
	}))
	return all
}

// difference returns the paths that are not the same in both.
func difference(a, b map[string]string) []string {
	var paths []string
	for path, x := range a {
		if y, ok := b[path]; !ok || x != y {
			paths = append(paths, path)
		}
	}
	for path := range b {
		if _, ok := a[path]; !ok {
			paths = append(paths, path)
		}
	}
	return paths
}
