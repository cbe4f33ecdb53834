package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/testenv"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// harness is a Watcher that runs, and what it told.
type harness struct {
	*Watcher

	tb      testing.TB
	mu      sync.Mutex
	batches []Batch
	log     strings.Builder
}

func start(tb testing.TB, o Options) *harness {
	tb.Helper()
	h := &harness{tb: tb}
	o.OnBatch = func(b Batch) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.batches = append(h.batches, b)
	}
	o.Log = slog.New(slog.NewTextHandler(h, nil))
	w, err := New(o)
	check(tb, err)
	h.Watcher = w
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		check(tb, <-done)
		if _, err := os.Stat(w.cookies.dir); o.Dir == "" && !errors.Is(err, fs.ErrNotExist) {
			tb.Errorf("%s is left: %v", w.cookies.dir, err)
		}
	})
	return h
}

func (h *harness) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

func (h *harness) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

// take settles and returns what was told since the last take, by target. A target that must look at everything has "RESCAN".
func (h *harness) take() map[string][]string {
	h.tb.Helper()
	check(h.tb, h.Settled(h.tb.Context()))
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]map[string]bool{}
	for _, b := range h.batches {
		if all[b.Target] == nil {
			all[b.Target] = map[string]bool{}
		}
		for _, path := range b.Paths {
			all[b.Target][path] = true
		}
		if b.Rescan {
			all[b.Target]["RESCAN"] = true
		}
		if !slices.IsSorted(b.Paths) || b.First.IsZero() {
			h.tb.Errorf("a batch is %+v", b)
		}
	}
	h.batches = nil
	sorted := map[string][]string{}
	for name, paths := range all {
		sorted[name] = slices.Sorted(maps.Keys(paths))
	}
	return sorted
}

// want compares what was told to one target, paths being below dir.
func (h *harness) want(target, dir string, paths ...string) {
	h.tb.Helper()
	got := h.take()[target]
	for i := range got {
		if rel, err := filepath.Rel(dir, got[i]); err == nil && filepath.IsAbs(got[i]) {
			got[i] = rel
		}
	}
	slices.Sort(got)
	slices.Sort(paths)
	if diff := cmp.Diff(paths, got); diff != "" {
		h.tb.Errorf("%s was told otherwise (-want +got):\n%s", target, diff)
	}
}

// realTemp returns t.TempDir() without symbolic links.
func realTemp(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.EvalSymlinks(tb.TempDir())
	check(tb, err)
	return dir
}

func write(tb testing.TB, elems ...string) {
	tb.Helper()
	path := filepath.Join(elems...)
	check(tb, os.MkdirAll(filepath.Dir(path), 0o755))
	check(tb, os.WriteFile(path, []byte(time.Now().String()), 0o644))
}

func wholeFolder(dir string) Target { return Target{Name: "t", Roots: []string{dir}} }

func TestWatcher_TellsOfSavesOfEveryKind(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	write(t, dir, "a", "b", "file")
	write(t, dir, "other")
	h := start(t, Options{})
	h.Set([]Target{wholeFolder(dir)})
	h.want("t", dir)

	write(t, dir, "a", "b", "file")
	h.want("t", dir, "a/b/file")
	// As editors save: a new file takes the place of the old one.
	write(t, dir, "a", "b", ".file.tmp")
	check(t, os.Rename(filepath.Join(dir, "a/b/.file.tmp"), filepath.Join(dir, "a/b/file")))
	h.want("t", dir, "a/b/.file.tmp", "a/b/file")
	check(t, os.Chmod(filepath.Join(dir, "other"), 0o755))
	h.want("t", dir, "other")
	check(t, os.Remove(filepath.Join(dir, "other")))
	h.want("t", dir, "other")
	check(t, os.Symlink("a/b/file", filepath.Join(dir, "link")))
	h.want("t", dir, "link")
	check(t, os.Rename(filepath.Join(dir, "a/b/file"), filepath.Join(dir, "a/file")))
	h.want("t", dir, "a/b/file", "a/file")
}

func TestWatcher_FollowsFoldersThatComeAndGo(t *testing.T) {
	t.Parallel()
	dir, outside := realTemp(t), realTemp(t)
	h := start(t, Options{})
	h.Set([]Target{wholeFolder(dir)})
	write(t, dir, "new", "deep", "file") // filled before a watch can be there
	h.want("t", dir, "new", "new/deep", "new/deep/file")
	write(t, dir, "new", "deep", "file")
	h.want("t", dir, "new/deep/file")

	check(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "renamed")))
	h.want("t", dir, "new", "renamed", "renamed/deep", "renamed/deep/file")
	write(t, dir, "renamed", "deep", "file")
	h.want("t", dir, "renamed/deep/file")

	check(t, os.Rename(filepath.Join(dir, "renamed"), filepath.Join(outside, "away")))
	h.want("t", dir, "renamed")
	write(t, outside, "away", "deep", "file") // no concern of ours any more
	h.want("t", dir)
	check(t, os.Rename(filepath.Join(outside, "away"), filepath.Join(dir, "back")))
	h.want("t", dir, "back", "back/deep", "back/deep/file")
	write(t, dir, "back", "deep", "file")
	h.want("t", dir, "back/deep/file")

	check(t, os.RemoveAll(filepath.Join(dir, "back")))
	h.want("t", dir, "back", "back/deep", "back/deep/file")
	write(t, dir, "back", "deep", "file")
	h.want("t", dir, "back", "back/deep", "back/deep/file")
	write(t, dir, "back", "deep", "file")
	h.want("t", dir, "back/deep/file")
	if n := len(h.tree.nodes); n != 4 { // with the one above
		t.Errorf("%d folders are watched: %v", n, slices.Collect(maps.Keys(h.tree.nodes)))
	}
}

func TestWatcher_AsksFiltersFirst(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	for _, name := range []string{"src/a.go", "node_modules/x/y.js", "src/node_modules/z.js", "docs/a.md"} {
		write(t, dir, name)
	}
	h := start(t, Options{})
	skip := func(name string) func(string) bool {
		return func(path string) bool { return filepath.Base(path) == name }
	}
	below := func(name string) func(string, bool) bool {
		return func(path string, _ bool) bool {
			return strings.Contains(path+"/", "/"+name+"/") || filepath.Ext(path) == ".tmp"
		}
	}
	h.Set([]Target{
		{Name: "code", Roots: []string{dir}, SkipDir: skip("node_modules"), Ignored: below("node_modules")},
		{Name: "docs", Roots: []string{dir}, SkipDir: func(path string) bool { return skip("node_modules")(path) || skip("src")(path) }, Ignored: below("src")},
		{Name: "src", Roots: []string{filepath.Join(dir, "src"), filepath.Join(dir, "src", "a.go")}, SkipDir: skip("node_modules")},
	})
	watched := slices.Sorted(maps.Keys(h.tree.nodes))
	if diff := cmp.Diff([]string{filepath.Dir(dir), dir, dir + "/docs", dir + "/src"}, watched); diff != "" {
		t.Errorf("watched otherwise (-want +got):\n%s", diff)
	}
	write(t, dir, "src/a.go")
	write(t, dir, "src/a.tmp")
	write(t, dir, "docs/a.md")
	write(t, dir, "node_modules/x/y.js")
	write(t, dir, "node_modules/new/z.js")
	write(t, dir, "docs/node_modules/new.js")
	got := h.take()
	want := map[string][]string{
		"code": {dir + "/docs/a.md", dir + "/src/a.go"},
		"docs": {dir + "/docs/a.md", dir + "/docs/node_modules"},
		"src":  {dir + "/src/a.go", dir + "/src/a.tmp"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A file is watched through its folder, and others in it are no concern of anybody.
func TestWatcher_SingleFiles(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	write(t, dir, "Tiltfile")
	h := start(t, Options{})
	h.Set([]Target{{Name: "t", Roots: []string{dir + "/Tiltfile", dir + "/later/deep/values.yaml"}}})
	if n := len(h.tree.nodes); n != 1 {
		t.Errorf("%d folders are watched", n)
	}
	write(t, dir, "other")
	write(t, dir, "elsewhere/values.yaml")
	h.want("t", dir)
	write(t, dir, "Tiltfile.tmp")
	check(t, os.Rename(dir+"/Tiltfile.tmp", dir+"/Tiltfile"))
	h.want("t", dir, "Tiltfile")
	check(t, os.Remove(dir+"/Tiltfile"))
	h.want("t", dir, "Tiltfile")
	write(t, dir, "Tiltfile")
	h.want("t", dir, "Tiltfile")
	write(t, dir, "later/deep/other")
	h.want("t", dir)
	write(t, dir, "later/deep/values.yaml")
	h.want("t", dir, "later/deep/values.yaml")
	check(t, os.RemoveAll(dir+"/later"))
	h.want("t", dir, "later/deep/values.yaml")
	write(t, dir, "later/deep/values.yaml")
	h.want("t", dir, "later/deep/values.yaml")
}

func TestWatcher_RootsThatComeAndGo(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	h := start(t, Options{})
	h.Set([]Target{wholeFolder(dir + "/a/root")})
	write(t, dir, "a/other")
	h.want("t", dir)
	write(t, dir, "a/root/sub/file")
	h.want("t", dir, "a/root", "a/root/sub", "a/root/sub/file")
	write(t, dir, "a/root/sub/file")
	h.want("t", dir, "a/root/sub/file")
	check(t, os.RemoveAll(dir+"/a/root"))
	if got := h.take()["t"]; !slices.Contains(got, dir+"/a/root") {
		t.Errorf("told %v", got)
	}
	write(t, dir, "a/root/again")
	h.want("t", dir, "a/root", "a/root/again")
	write(t, dir, "a/root/again")
	h.want("t", dir, "a/root/again")
	// One above is renamed: nothing tells of that but looking.
	check(t, os.Rename(dir+"/a", dir+"/b"))
	testenv.Eventually(t, 10*time.Second, "it is noticed", func() error {
		if got := h.take()["t"]; !slices.Contains(got, dir+"/a/root") {
			return fmt.Errorf("told %v", got)
		}
		return nil
	})
	write(t, dir, "b/root/again")
	h.want("t", dir)
	check(t, os.Rename(dir+"/b", dir+"/a"))
	h.want("t", dir, "a/root", "a/root/again")
}

func TestWatcher_SymbolicLinks(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	write(t, dir, "v1/svc/file")
	write(t, dir, "v2/svc/file")
	write(t, dir, "real.yaml")
	check(t, os.Symlink("v1", dir+"/current"))
	check(t, os.Symlink(dir+"/real.yaml", dir+"/link.yaml"))
	h := start(t, Options{})
	h.Set([]Target{
		{Name: "link", Roots: []string{dir + "/current/svc"}},
		{Name: "real", Roots: []string{dir + "/v1/svc"}},
		{Name: "file", Roots: []string{dir + "/link.yaml"}},
	})
	write(t, dir, "v1/svc/sub/file")
	got := h.take()
	want := map[string][]string{
		"link": {dir + "/current/svc/sub", dir + "/current/svc/sub/file"},
		"real": {dir + "/v1/svc/sub", dir + "/v1/svc/sub/file"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	write(t, dir, "real.yaml")
	h.want("file", dir, "link.yaml")

	check(t, os.Symlink("v2", dir+"/current.new"))
	check(t, os.Rename(dir+"/current.new", dir+"/current"))
	h.want("link", dir, "RESCAN", "current/svc", "current/svc/file")
	write(t, dir, "v1/svc/file")
	write(t, dir, "v2/svc/file")
	h.want("link", dir, "current/svc/file")
	// A link to itself is one that leads nowhere.
	check(t, os.Remove(dir+"/current"))
	check(t, os.Symlink("current", dir+"/current"))
	h.want("link", dir, "current/svc")
}

func TestSet_GoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	write(t, dir, "a/file")
	write(t, dir, "b/file")
	h := start(t, Options{})
	var asked int
	a := Target{Name: "a", Roots: []string{dir + "/a"}, FilterID: "1", Ignored: func(string, bool) bool { asked++; return false }}
	b := Target{Name: "b", Roots: []string{dir + "/b"}, FilterID: "1"}
	h.Set([]Target{a})
	for range 20 { // a change just before Set is not lost, and one before a target was there is not told
		write(t, dir, "a/new/file")
		write(t, dir, "b/new/file")
		h.Set([]Target{a, b})
		got := h.take()
		if diff := cmp.Diff(map[string][]string{"a": {dir + "/a/new", dir + "/a/new/file"}}, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		check(t, os.RemoveAll(dir+"/a/new"))
		check(t, os.RemoveAll(dir+"/b/new"))
		h.take()
		h.Set([]Target{a})
	}
	asked = 0
	turn := h.tree.turn
	h.Set([]Target{a})
	if asked != 0 || h.tree.turn != turn {
		t.Error("Set of the same targets looked at the disk")
	}
	h.Set(nil)
	write(t, dir, "a/file")
	if got := h.take(); len(got) != 0 || len(h.tree.nodes) != 0 || len(h.tree.ids) != 0 {
		t.Errorf("told %v, watched %v", got, h.tree.nodes)
	}
}

func TestRescan_TellsAll(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	h := start(t, Options{Dir: filepath.Join(t.TempDir(), "made", "by New")})
	h.Set([]Target{{Name: "a", Roots: []string{dir}}, {Name: "b", Roots: []string{dir + "/none"}}})
	h.Rescan()
	if diff := cmp.Diff(map[string][]string{"a": {"RESCAN"}, "b": {"RESCAN"}}, h.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWatcher_LooksAtAllWhenEventsWereLost(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	h := start(t, Options{})
	h.Set([]Target{wholeFolder(dir)})
	h.Watcher.mu.Lock()
	h.source.mu.Lock() // nobody takes what the system reports
	write(t, dir, "lost/file")
	for i := range 20_000 {
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("file", i)), nil, 0o600))
	}
	h.source.mu.Unlock()
	h.Watcher.mu.Unlock()
	if got := h.take()["t"]; !slices.Contains(got, "RESCAN") {
		t.Errorf("%d paths, but no rescan", len(got))
	}
	if !strings.Contains(h.logged(), "more files changed at once") {
		t.Errorf("log: %s", h.logged())
	}
	write(t, dir, "lost/file")
	h.want("t", dir, "lost/file")
}

func TestWatcher_ManyFilesAreFewBatches(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	h := start(t, Options{})
	h.Set([]Target{wholeFolder(dir)})
	for i := range 5000 {
		write(t, dir, fmt.Sprintf("dir%d/sub/file%d", i/50, i))
	}
	// Without Settled, which would end batches early.
	files := map[string]bool{}
	testenv.Eventually(t, 20*time.Second, "all are told", func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, b := range h.batches {
			for _, path := range b.Paths {
				if strings.HasPrefix(filepath.Base(path), "file") {
					files[path] = true
				}
			}
		}
		if len(files) < 5000 {
			return fmt.Errorf("%d files", len(files))
		}
		return nil
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.batches) > 6 {
		t.Errorf("%d batches", len(h.batches))
	}
}

func TestSettled_MakesItsFolderAgain(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	h := start(t, Options{})
	h.Set([]Target{wholeFolder(dir)})
	check(t, os.RemoveAll(h.cookies.dir))
	write(t, dir, "file")
	h.want("t", dir, "file")
	write(t, dir, "file")
	h.want("t", dir, "file")
}

func TestSettled_EndsWithItsContextAndWithRun(t *testing.T) {
	t.Parallel()
	w, err := New(Options{OnBatch: func(Batch) {}, Dir: filepath.Join(t.TempDir(), "cookies")})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Settled(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody runs: %v", err)
	}
	check(t, w.Run(ctx))
	if err := w.Settled(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("after Run: %v", err)
	}
}
