package environment

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/fault"
)

func TestIdentify_IsTheSameForTheSame(t *testing.T) {
	t.Parallel()
	base := identify("u", "h", "m", "/src/shop/Tiltfile", "")
	want := Environment{
		ID: base.ID, Project: "shop", Path: "/src/shop/Tiltfile", User: "u@h", Owner: "u@h:/src/shop/Tiltfile",
	}
	if diff := cmp.Diff(want, base); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := identify("u", "other-host", "m", "/src/shop/Tiltfile", ""); again.ID != base.ID {
		t.Errorf("another name of the machine changes the ID: %s, %s", base.ID, again.ID)
	}
	for what, other := range map[string]Environment{
		"user":    identify("v", "h", "m", "/src/shop/Tiltfile", ""),
		"machine": identify("u", "h", "n", "/src/shop/Tiltfile", ""),
		"path":    identify("u", "h", "m", "/src2/shop/Tiltfile", ""),
		"file":    identify("u", "h", "m", "/src/shop/Tiltfile.dev", ""),
		"name":    identify("u", "h", "m", "/src/shop/Tiltfile", "shop"),
	} {
		if other.ID == base.ID || other.Project != "shop" {
			t.Errorf("another %s: %+v, want another ID than %s", what, other, base.ID)
		}
	}
}

// The ID is written into labels and workflow IDs: it may never change from one release to the next.
func TestIdentify_StaysWhatItIs(t *testing.T) {
	t.Parallel()
	if got, want := identify("u", "h", "m", "/src/shop/Tiltfile", "").ID, "shop-142bd7eb"; got != want {
		t.Errorf("ID is %s, want %s", got, want)
	}
}

func TestProject_FitsIntoALabel(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"shop":                   "shop",
		"My Shop_2.0":            "my-shop-2-0",
		".config":                "config",
		"--":                     "environment",
		"":                       "environment",
		"/":                      "environment",
		"größe":                  "gr--e",
		strings.Repeat("ab", 30): strings.Repeat("ab", 20),
	} {
		got := projectOf(name)
		if got != want {
			t.Errorf("project of %q is %q, want %q", name, got, want)
		}
		if id := identify("u", "h", "m", "/x/Tiltfile", name).ID; !ValidID(id) || len(id) > 63 {
			t.Errorf("ID of %q is %q, which is no label's value", name, id)
		}
	}
}

func TestIdentify_FollowsLinksToTheFolder(t *testing.T) {
	t.Parallel()
	dir, stateDir := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "link")); err != nil {
		t.Skipf("cannot make a link: %v", err)
	}
	direct, err := Identify(stateDir, filepath.Join(dir, "real", "Tiltfile"), "")
	if err != nil {
		t.Fatal(err)
	}
	linked, err := Identify(stateDir, filepath.Join(dir, "link", "Tiltfile"), "")
	if err != nil {
		t.Fatal(err)
	}
	if direct != linked || direct.Project != "real" || direct.Folder != filepath.Join(stateDir, direct.ID) {
		t.Errorf("%+v and %+v", direct, linked)
	}
	if _, err := Identify(stateDir, filepath.Join(dir, "none", "Tiltfile"), ""); err != nil {
		t.Errorf("of a folder that is gone: %v", err)
	}
}

func TestMachineID_IsMadeOnce(t *testing.T) {
	t.Parallel()
	if systemMachineID() == "" {
		t.Log("this system has no machine ID")
	}
	path := filepath.Join(t.TempDir(), "machine-id")
	if _, err := readMachineID(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readMachineID(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty one: %v", err)
	}
	dir := filepath.Dir(path)
	var all sync.Map
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			id, err := keptMachineID(dir)
			if err != nil || len(id) != 32 {
				t.Errorf("%q, %v", id, err)
			}
			all.Store(id, true)
		})
	}
	group.Wait()
	count := 0
	all.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("%d machine IDs were made at once", count)
	}
}

func TestSaveLoadListRemove(t *testing.T) {
	t.Parallel()
	stateDir := filepath.Join(t.TempDir(), "state")
	if all, err := List(stateDir); err != nil || all != nil {
		t.Errorf("before the first: %v, %v", all, err)
	}
	e, err := Identify(stateDir, "/src/shop/Tiltfile", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(stateDir, e.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not saved yet: %v", err)
	}
	e.Context = "kind-a"
	e.Created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := e.Save(); err != nil {
		t.Fatal(err)
	}
	later := e
	later.Context, later.Created = "kind-b", time.Time{}
	if err := later.Save(); err != nil {
		t.Fatal(err)
	}
	want := e
	want.Context = "kind-b"
	got, err := Load(stateDir, e.ID)
	if err != nil || got != want {
		t.Errorf("loaded %+v, %v, want %+v", got, err, want)
	}
	if info, err := os.Stat(e.Folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info, err)
	}

	// What is no environment does not disturb; what is broken is told.
	for _, dir := range []string{"server", "other-01234567", "broken-01234567"} {
		if err := os.Mkdir(filepath.Join(stateDir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(stateDir, "broken-01234567", record), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := List(stateDir)
	if diff := cmp.Diff([]Environment{want}, all); diff != "" || err == nil || !strings.Contains(err.Error(), "broken-01234567") {
		t.Errorf("list: %v (-want +got):\n%s", err, diff)
	}

	for range 2 {
		if err := Remove(stateDir, e.ID); err != nil {
			t.Error(err)
		}
	}
	if _, err := Load(stateDir, e.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	for _, id := range []string{"", ".", "..", "../x-01234567", "server", "a/b-01234567"} {
		if _, err := Load(stateDir, id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Load %q: %v", id, err)
		}
		if err := Remove(stateDir, id); err != nil {
			t.Errorf("Remove %q: %v", id, err)
		}
	}
	if _, err := os.Stat(filepath.Join(stateDir, "server")); err != nil {
		t.Errorf("a folder that is none of an environment was removed: %v", err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(path string) string {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	here, other := write("a/Tiltfile"), write("b/dev.tiltfile")
	if err := os.MkdirAll(filepath.Join(dir, "c", "Tiltfile"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ dir, file, want, wrong string }{
		{dir: "a", want: here},
		{dir: "a", file: "../b/dev.tiltfile", want: other},
		{dir: "b", file: here, want: here},
		{dir: "b", file: "../a", want: here},
		{dir: "b", wrong: "there is no Tiltfile in"},
		{dir: "a", file: "none", wrong: "there is no Tiltfile at"},
		{dir: "a", file: "../b", wrong: "there is no Tiltfile at"},
		{dir: "a", file: "../c", wrong: "is a folder"},
	} {
		got, err := Find(filepath.Join(dir, test.dir), test.file)
		if got != test.want || (test.wrong == "") != (err == nil) {
			t.Errorf("%+v: %s, %v", test, got, err)
		}
		var f *fault.Error
		if test.wrong != "" && (!errors.As(err, &f) || f.Kind != fault.Config || f.Hint == "" || !strings.Contains(f.Msg, test.wrong)) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
