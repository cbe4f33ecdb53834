package watch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/testenv"
)

// The system has one watch for a folder, whatever the number of its paths.
func TestWatcher_BindMounts(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	dir := realTemp(t)
	write(t, dir, "a/sub/file")
	check(t, os.Mkdir(dir+"/b", 0o755))
	check(t, syscall.Mount(dir+"/a", dir+"/b", "", syscall.MS_BIND, ""))
	t.Cleanup(func() { check(t, syscall.Unmount(dir+"/b", syscall.MNT_DETACH)) })
	h := start(t, Options{})
	both := []Target{{Name: "a", Roots: []string{dir + "/a"}}, {Name: "b", Roots: []string{dir + "/b"}}}
	h.Set(both)
	write(t, dir, "b/sub/file")
	write(t, dir, "a/new/file")
	want := map[string][]string{
		"a": {dir + "/a/new", dir + "/a/new/file", dir + "/a/sub/file"},
		"b": {dir + "/b/new", dir + "/b/new/file", dir + "/b/sub/file"},
	}
	if diff := cmp.Diff(want, h.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	h.Set(both[1:]) // the one that had the watch goes
	write(t, dir, "a/sub/file")
	h.want("b", dir, "b/sub/file")
}

// TestLimits_Child is run by TestLimits in a user namespace of its own, with few watches.
func TestLimits_Child(t *testing.T) {
	dir := os.Getenv("ENVFLOW_TEST_WATCH_CHILD")
	if dir == "" {
		t.Skip("TestLimits runs it")
	}
	limit := os.Getenv("ENVFLOW_TEST_WATCH_LIMIT")
	name, value, _ := strings.Cut(limit, "=")
	if err := os.WriteFile("/proc/sys/user/"+name, []byte(value), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "CANNOT LIMIT:", err)
		return
	}
	h := start(t, Options{})
	h.Set([]Target{wholeFolder(dir)})
	polled := 0
	for _, n := range h.tree.nodes {
		if n.polled != nil {
			polled++
		}
	}
	if polled == 0 {
		t.Error("no folder is polled")
	}
	for i := range 20 {
		path := fmt.Sprintf("dir%d/file", i)
		write(t, dir, path)
		h.want("t", dir, path)
	}
	// Without Settled, within the time between two looks.
	write(t, dir, "dir19/later")
	testenv.Eventually(t, 10*time.Second, "it is told", func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.batches) == 0 {
			return fmt.Errorf("nothing")
		}
		return nil
	})
	h.want("t", dir, "dir19/later")
	write(t, dir, "dir19/new/file")
	h.want("t", dir, "dir19/new", "dir19/new/file")
	check(t, os.RemoveAll(dir+"/dir19"))
	if got := h.take()["t"]; !slices.Contains(got, dir+"/dir19") {
		t.Errorf("told %v", got)
	}
	setting := map[string]string{"max_inotify_watches": "fs.inotify.max_user_watches", "max_inotify_instances": "fs.inotify.max_user_instances"}[name]
	if log := h.logged(); strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "sudo sysctl "+setting+"=") {
		t.Errorf("log: %s", log)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"max_inotify_watches=10", "max_inotify_instances=0"} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			dir := realTemp(t)
			for i := range 20 {
				write(t, dir, fmt.Sprintf("dir%d/file", i))
			}
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLimits_Child$", "-test.v")
			child.Env = append(os.Environ(), "ENVFLOW_TEST_WATCH_CHILD="+dir, "ENVFLOW_TEST_WATCH_LIMIT="+limit)
			child.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			out, err := child.CombinedOutput()
			if strings.Contains(string(out), "CANNOT LIMIT") || err != nil && len(out) == 0 {
				t.Skipf("no user namespace with limits of its own here: %v %s", err, out)
			}
			if err != nil || !strings.Contains(string(out), "--- PASS") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// A checkout of another branch, by git itself.
func TestWatcher_GitCheckout(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	git := func(args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	git("init", "-q", "-b", "one")
	for i := range 1000 {
		write(t, dir, fmt.Sprintf("src/dir%d/file%d", i/20, i))
	}
	git("add", ".")
	git("commit", "-qm", "one")
	git("checkout", "-qb", "two")
	git("mv", "src", "lib")
	git("commit", "-qm", "two")
	h := start(t, Options{})
	isGit := func(path string) bool { return strings.HasPrefix(path+"/", dir+"/.git/") }
	h.Set([]Target{{Name: "t", Roots: []string{dir}, SkipDir: isGit, Ignored: func(path string, _ bool) bool { return isGit(path) }}})
	for _, branch := range []string{"one", "two"} {
		git("checkout", "-q", branch)
		got := h.take()["t"]
		for i := range 1000 {
			for _, top := range []string{"src", "lib"} {
				if path := filepath.Join(dir, fmt.Sprintf("%s/dir%d/file%d", top, i/20, i)); !slices.Contains(got, path) {
					t.Fatalf("%s is not among %d paths", path, len(got))
				}
			}
		}
		write(t, dir, "src/dir3/after")
		write(t, dir, "lib/dir3/after")
		if got := h.take()["t"]; !slices.Contains(got, dir+"/src/dir3/after") || !slices.Contains(got, dir+"/lib/dir3/after") {
			t.Errorf("told %v", got)
		}
		check(t, os.Remove(dir+"/src/dir3/after"))
		check(t, os.Remove(dir+"/lib/dir3/after"))
	}
}
