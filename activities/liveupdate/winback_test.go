package liveupdate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// input is an input digest as those of package activities/image are, but readable.
func input(image *plan.Image, tree map[string]string) string {
	covered, rest := map[string]string{}, map[string]string{}
	for path, mark := range tree {
		if Covers(image, path) {
			covered[path] = mark
		} else {
			rest[path] = mark
		}
	}
	return fmt.Sprintf("spec-%s-%s", plan.Digest(rest), plan.Digest(covered))
}

// readFrom runs the script on a folder of this machine.
func (w *world) readFrom(ctx context.Context, c Container, command []string, stdin []byte, output func(string)) (int, error) {
	w.reads++
	root, ok := w.roots[c.ID]
	if !ok {
		return 0, fmt.Errorf("%w: for this test", ErrNoTools)
	}
	var text strings.Builder
	for line := range strings.Lines(string(stdin)) {
		if strings.HasPrefix(line, "/") {
			line = root + line
		}
		text.WriteString(line)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin = strings.NewReader(text.String())
	out, err := cmd.CombinedOutput()
	for line := range bytes.Lines(out) {
		output(strings.TrimSuffix(string(line), "\n"))
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// holding gives a container a file system. "" stands for a file that is not there.
func (w *world) holding(id string, files map[string]string) {
	w.t.Helper()
	if _, err := exec.LookPath("sha256sum"); err != nil {
		w.t.Skip("this machine has no sha256sum, which stands for that of an image")
	}
	if w.roots == nil {
		w.roots = map[string]string{}
	}
	w.roots[id] = w.t.TempDir()
	for name, content := range files {
		path := filepath.Join(w.roots[id], name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

// newLost has the image web deployed as in newWorld, and no record of it.
func newLost(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.image = records.Image{Ref: "web", InputDigest: input(w.Plans.Now().Image("web"), w.scan())}
	w.has, w.inCluster = false, true
	w.holding("one", map[string]string{"/srv/a": "a", "/srv/dir/b": "dir/b"})
	return w
}

func TestSync_WinsBackWhatWasNeverEdited(t *testing.T) {
	t.Parallel()
	w := newLost(t)
	w.want(api.SyncInSync, api.SyncIn{Full: true})
	w.want(api.SyncInSync, api.SyncIn{Full: true})
	if w.batches != 0 || w.reads != 1 || !slices.Equal(w.compared, []string{"one"}) {
		t.Errorf("%d batches, %d reads, compared %v; want one read", w.batches, w.reads, w.compared)
	}
	w.edit("a", "A")
	w.want(api.SyncUpdated, api.SyncIn{})
	if diff := cmp.Diff(map[string]string{"/srv/a": "A"}, w.files["one"]); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestSync_WinsBackWhatWasSynced(t *testing.T) {
	t.Parallel()
	w := newLost(t)
	w.edit("a", "A")
	w.edit("dir/new", "N")
	w.holding("one", map[string]string{"/srv/a": "A", "/srv/dir/b": "dir/b", "/srv/dir/new": "N", "/srv/dir/own": "the application's"})
	w.want(api.SyncInSync, api.SyncIn{Full: true})
	if w.batches != 0 || len(w.ran) != 0 {
		t.Fatalf("%d batches, ran %v; want nothing", w.batches, w.ran)
	}
	w.remove("dir/new")
	w.changed("dir/new")
	w.edit("dir/b", "B")
	w.want(api.SyncUpdated, api.SyncIn{})
	if diff := cmp.Diff(map[string]string{"/srv/dir/new": "-", "/srv/dir/b": "B"}, w.files["one"]); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	// A container that was started anew holds the old image, of which nobody knows anything.
	w.containers[0].ID = "two"
	w.holding("two", map[string]string{"/srv/a": "a", "/srv/dir/b": "dir/b"})
	w.want(api.SyncUpdated, api.SyncIn{})
	if diff := cmp.Diff(map[string]string{"/srv/a": "A", "/srv/dir/b": "B"}, w.files["two"]); diff != "" {
		t.Errorf("files of the new container (-want +got):\n%s", diff)
	}
	w.want(api.SyncInSync, api.SyncIn{Full: true})
}

func TestSync_BringsWhatChangedWhileNothingWasKnown(t *testing.T) {
	t.Parallel()
	w := newLost(t)
	w.edit("a", "A")
	w.edit("dir/new", "N")
	w.want(api.SyncUpdated, api.SyncIn{Full: true})
	if diff := cmp.Diff(map[string]string{"/srv/a": "A", "/srv/dir/new": "N"}, w.files["one"]); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	w.want(api.SyncInSync, api.SyncIn{Full: true})
	if w.reads != 1 {
		t.Errorf("read %d times, want once", w.reads)
	}
}

// What was synced before the loss has to go when the disk is again as the image.
func TestSync_TakesBackWhatNobodyRemembers(t *testing.T) {
	t.Parallel()
	w := newLost(t)
	w.holding("one", map[string]string{"/srv/a": "synced", "/srv/dir/b": "dir/b"})
	w.want(api.SyncUpdated, api.SyncIn{Full: true})
	if diff := cmp.Diff(map[string]string{"/srv/a": "a"}, w.files["one"]); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	w.want(api.SyncInSync, api.SyncIn{Full: true})
}

func TestSync_BuildsWhatCannotBeWonBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		do   func(w *world)
		want string
	}{
		"no step covers it":            {func(w *world) { w.edit("main.go", "x") }, api.SyncBuild},
		"it falls back":                {func(w *world) { w.edit("package.json", "x") }, api.SyncBuild},
		"nothing in the cluster":       {func(w *world) { w.inCluster = false }, api.SyncBuild},
		"no live update, edited":       {func(w *world) { w.edit("a", "x"); noLiveUpdate(w) }, api.SyncBuild},
		"nothing runs, edited":         {func(w *world) { w.edit("a", "x"); w.containers = nil }, api.SyncBuild},
		"nothing runs, not edited":     {func(w *world) { w.containers = nil }, api.SyncInSync},
		"it has no shell":              {func(w *world) { w.roots = nil; w.syncErr = ErrNoTools }, api.SyncInSync}, // nothing can have been synced
		"it has no shell, edited":      {func(w *world) { w.edit("a", "x"); w.roots = nil; w.syncErr = ErrNoTools }, api.SyncBuild},
		"a file was deleted meanwhile": {func(w *world) { w.remove("dir/b"); w.changed("dir/b") }, api.SyncInSync},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLost(t)
			test.do(w)
			w.want(test.want, api.SyncIn{Full: true})
		})
	}
}

func TestRead_TellsFilesApart(t *testing.T) {
	t.Parallel()
	const odd = ` '"$x\ `
	w := newWorld(t)
	w.holding("one", map[string]string{"/srv/dir/same": "same", "/srv/dir/other": "other", "/srv/dir/" + odd: "odd", "/srv/dir/plain": "x", "/srv/dir/run": "run", "/srv/dir/folder/x": ""})
	root := w.roots["one"]
	if err := os.Chmod(filepath.Join(root, "/srv/dir/run"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"link", "moved"} {
		if err := os.Symlink(link, filepath.Join(root, "srv/dir", link)); err != nil {
			t.Fatal(err)
		}
	}
	mark := func(content, perm string) string { return digestOf(content) + ":" + perm }
	base := map[string]string{
		w.path("dir/same"): mark("same", "644"), w.path("dir/other"): mark("was", "644"), w.path("dir/" + odd): mark("odd", "600"),
		w.path("dir/plain"): mark("x", "755"), w.path("dir/run"): mark("run", "644"), w.path("dir/link"): mark("link", "777"),
		w.path("dir/moved"): mark("elsewhere", "777"), w.path("dir/gone"): mark("gone", "644"), w.path("dir/folder"): mark("", "644"),
		w.path("dir/two\nlines"): mark("x", "644"), w.path("main.go"): mark("x", "644"),
	}
	for i := range 250 { // more than the script looks at at once
		name := fmt.Sprintf("dir/many/%d", i)
		base[w.path(name)] = mark(name, "644")
		if err := os.MkdirAll(filepath.Join(root, "srv/dir/many"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "srv", name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &comparison{Activities: &w.Activities, resource: w.Plans.Now().Resource("web")}
	got, err := s.read(t.Context(), w.Plans.Now().Image("web"), w.containers[0], base, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		w.path("dir/other"): digestOf("other") + ":f", w.path("dir/plain"): digestOf("x") + ":f", w.path("dir/moved"): digestOf("moved") + ":l",
		w.path("dir/gone"): "", w.path("dir/folder"): Unsure, w.path("dir/two\nlines"): Unsure,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs from the image (-want +got):\n%s", diff)
	}
}

// A digest that is missing must not make the next one stand for another file.
func TestReading_DoesNotMixUpFiles(t *testing.T) {
	t.Parallel()
	a, b, c := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)
	r := &reading{said: slices.Repeat([]string{Unsure}, 6)}
	for _, line := range []string{
		"1 f", "2 f", "sha256sum: /a: I/O error", b + "  /b", "sums 1", "3 x", "4 l " + a + "  -", "5 d", "9 f", "\\" + c + "  /odd", "sums 0", "6 -", "end",
	} {
		r.line(line)
	}
	if want := []string{"f", "f", "x" + c, "l" + a, Unsure, "-"}; !r.ended || !slices.Equal(r.said, want) {
		t.Errorf("said %q, want %q; ended %v", r.said, want, r.ended)
	}
}

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])[:32]
}
