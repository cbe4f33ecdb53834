package filetree_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/ignore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/testenv"
)

func write(tb testing.TB, path, content string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// age makes a file look as if it was written long ago. Its time of status change stays young.
func age(tb testing.TB, path string) {
	tb.Helper()
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		tb.Fatal(err)
	}
}

func scan(tb testing.TB, root string, f *ignore.Filter, c filetree.Cache) (filetree.Tree, filetree.Stats) {
	tb.Helper()
	tree, stats, err := filetree.Scan(tb.Context(), root, f, c)
	if err != nil {
		tb.Fatal(err)
	}
	return tree, stats
}

// names returns the paths of a tree relative to root, sorted and joined by blanks.
func names[V any](tb testing.TB, root string, tree map[string]V) string {
	tb.Helper()
	rels := make([]string, 0, len(tree))
	for path := range maps.Keys(tree) {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			tb.Fatal(err)
		}
		rels = append(rels, rel)
	}
	slices.Sort(rels)
	return strings.Join(rels, " ")
}

func TestScan_SeesFilesLinksAndEmptyFolders(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "a/b.txt"), "hello")
	write(t, filepath.Join(root, "skip/deep/x"), "x")
	write(t, filepath.Join(root, "skip/keep"), "x")
	write(t, filepath.Join(root, "cleared/x.tmp"), "x")
	for _, dir := range []string{"empty", "skip/empty"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a/b.txt", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(root, "dangling")); err != nil {
		t.Fatal(err)
	}
	f, err := ignore.New(plan.Ignore{Base: root, Patterns: []string{"skip", "!skip/keep", "**/*.tmp"}})
	if err != nil {
		t.Fatal(err)
	}
	tree, stats := scan(t, root, f, nil)
	const want = "a/b.txt cleared dangling empty link skip/keep"
	if got := names(t, root, tree); got != want {
		t.Errorf("the tree has %q, want %q", got, want)
	}
	if got := names(t, root, stats); got != want {
		t.Errorf("the stats have %q, want %q", got, want)
	}
	again, err := filetree.ScanStats(t.Context(), root, f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stats, again); diff != "" {
		t.Errorf("ScanStats differs from Scan: %s", diff)
	}
	file := filepath.Join(root, "a/b.txt")
	// sha256 of "hello"
	if got := tree[file]; got != (filetree.Entry{Digest: "2cf24dba5fb0a30e26e83b2ac5b9e29e", Mode: 0o600, Size: 5}) {
		t.Errorf("entry of the file: %+v", got)
	}
	for path, want := range tree {
		got, exists, err := filetree.Digest(t.Context(), path, nil)
		if err != nil || !exists || got != want {
			t.Errorf("Digest(%s) = %+v, %v, %v; want %+v", path, got, exists, err, want)
		}
	}
}

func TestScan_RootIsAFileOrALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "real/a"), "a")
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	tree, _ := scan(t, filepath.Join(dir, "link"), nil, nil)
	if got := names(t, dir, tree); got != "link/a" {
		t.Errorf("through a link: %q", got)
	}
	tree, _ = scan(t, filepath.Join(dir, "real/a"), nil, nil)
	if got := names(t, dir, tree); got != "real/a" {
		t.Errorf("of a file: %q", got)
	}
	if _, _, err := filetree.Scan(t.Context(), filepath.Join(dir, "none"), nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
	for _, path := range []string{"none", "real/a/below"} {
		if _, exists, err := filetree.Digest(t.Context(), filepath.Join(dir, path), nil); exists || err != nil {
			t.Errorf("Digest(%s): exists %v, error %v", path, exists, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := filetree.Scan(ctx, dir, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTree_DiffAndDigest(t *testing.T) {
	t.Parallel()
	one, two := t.TempDir(), t.TempDir()
	for _, root := range []string{one, two} {
		write(t, filepath.Join(root, "a"), "1")
		write(t, filepath.Join(root, "sub/b"), "2")
	}
	treeOne, _ := scan(t, one, nil, nil)
	treeTwo, _ := scan(t, two, nil, nil)
	if treeOne.Digest(one) != treeTwo.Digest(two) || len(treeOne.Digest(one)) != 32 {
		t.Errorf("digests %q and %q", treeOne.Digest(one), treeTwo.Digest(two))
	}
	write(t, filepath.Join(one, "a"), "3")
	write(t, filepath.Join(one, "c"), "new")
	if err := os.Chmod(filepath.Join(one, "sub/b"), 0o700); err != nil {
		t.Fatal(err)
	}
	after, _ := scan(t, one, nil, nil)
	want := []string{filepath.Join(one, "a"), filepath.Join(one, "c"), filepath.Join(one, "sub/b")}
	if diff := cmp.Diff(want, filetree.Diff(treeOne, after)); diff != "" {
		t.Error(diff)
	}
	if treeOne.Digest(one) == after.Digest(one) {
		t.Error("the digest is the same after a change")
	}
	if changed := filetree.Diff(after, after); changed != nil {
		t.Errorf("a tree differs from itself: %v", changed)
	}
}

// The content is put back and so is the time of writing: the tree is the same, but somebody touched the file.
func TestTouched_SeesWhatTheContentHides(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	file, other := filepath.Join(root, "a"), filepath.Join(root, "b")
	write(t, file, "1")
	write(t, other, "1")
	age(t, file)
	before, stats := scan(t, root, nil, nil)
	write(t, file, "2")
	write(t, file, "1")
	age(t, file)
	after, later := scan(t, root, nil, nil)
	if changed := filetree.Diff(before, after); changed != nil {
		t.Errorf("changed %v", changed)
	}
	if got := filetree.Touched(stats, later); !slices.Equal(got, []string{file}) {
		t.Errorf("touched %v, want %s", got, file)
	}
}

// countingCache counts what is put.
type countingCache struct {
	filetree.Cache
	mu   sync.Mutex
	puts int
}

func (c *countingCache) Put(path string, s filetree.Stat, digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.puts++
	c.Cache.Put(path, s, digest)
}

func TestScan_CachesWhatIsOld(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "a"), "1")
	cache := &countingCache{Cache: filetree.NewCache()}
	began := time.Now()
	first, stats := scan(t, root, nil, cache)
	if time.Since(began) < time.Second && cache.puts != 0 {
		t.Error("a file that was just written was cached")
	}
	// Wait until the write is old enough: its time of status change cannot be set.
	testenv.Eventually(t, 20*time.Second, "the file is cached", func() error {
		scan(t, root, nil, cache)
		if cache.puts == 0 {
			return errors.New("nothing was put")
		}
		return nil
	})
	second, _ := scan(t, root, nil, cache)
	if cache.puts != 1 {
		t.Errorf("read %d times after it was cached", cache.puts)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	s := stats[filepath.Join(root, "a")]
	if _, ok := cache.Get(filepath.Join(root, "a"), s); !ok {
		t.Error("the cache does not know the file")
	}
	s.CTime++
	if _, ok := cache.Get(filepath.Join(root, "a"), s); ok {
		t.Error("the cache answers for another status")
	}
}

func BenchmarkScan(b *testing.B) {
	root := b.TempDir()
	for i := range 5000 {
		write(b, fmt.Sprintf("%s/dir%d/sub%d/file%d.go", root, i%50, i%7, i), strings.Repeat(fmt.Sprintf("line %d\n", i), 500))
	}
	f, err := ignore.New(ignore.EditorFiles(root), plan.Ignore{Base: root, Patterns: []string{"**/node_modules", "**/*.md", "!README.md"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			scan(b, root, f, nil)
		}
	})
	b.Run("cached", func(b *testing.B) {
		cache := &countingCache{Cache: filetree.NewCache()}
		testenv.Eventually(b, time.Minute, "all files are cached", func() error {
			scan(b, root, f, cache)
			if cache.puts < 5000 {
				return errors.New("not all were put")
			}
			return nil
		})
		for b.Loop() {
			scan(b, root, f, cache)
		}
	})
	b.Run("stats", func(b *testing.B) {
		for b.Loop() {
			if _, err := filetree.ScanStats(b.Context(), root, f); err != nil {
				b.Fatal(err)
			}
		}
	})
}
