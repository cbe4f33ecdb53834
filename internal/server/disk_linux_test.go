package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	sdkclient "go.temporal.io/sdk/client"

	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/testenv/devserver"
)

// tmpfs mounts a file system of that size in a new folder.
func tmpfs(t *testing.T, size string) (dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a file system")
	}
	dir = t.TempDir()
	if err := syscall.Mount("envflow-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		// Detached: a server that has just ended may still be on its way out of the folder.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// wantFault checks that err is a sentence with a remedy and the exit code for what is missing.
func wantFault(t *testing.T, err error, sentence string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Missing || !strings.Contains(f.Msg, sentence) || f.Hint == "" || strings.Contains(f.Msg, "\n") {
		t.Errorf("error is %#v (%v), want one that says %q and how to go on", err, err, sentence)
	}
}

func TestServer_DiskFullAtTheStart(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"4k", "64k", "300k"} { // for nothing, the log, half a database
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			dir := tmpfs(t, size)
			_, _, err := devserver.In(t, filepath.Join(dir, "state")).Ensure(t.Context())
			wantFault(t, err, "is full")
		})
	}
}

// A disk that fills up is told in a sentence; when there is space again, the same server goes on.
func TestServer_DiskFullWhileRunning(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "16m")
	h := devserver.In(t, filepath.Join(dir, "state"))
	before := devserver.Start(t, h)
	c := devserver.Dial(t, h)
	id := devserver.UniqueName(t)
	start := func() error {
		_, err := c.ExecuteWorkflow(t.Context(), sdkclient.StartWorkflowOptions{ID: id, TaskQueue: id}, "never-run")
		return err
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	wantFault(t, h.Diagnose(), "is full")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := h.Diagnose(); err != nil {
		t.Errorf("with space again: %v", err)
	}
	id = devserver.UniqueName(t)
	eventually(t, "the server to work again", func() bool { return start() == nil })
	if after := devserver.Start(t, h); after.PID != before.PID {
		t.Error("it is another server")
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for {
		if _, err := f.Write(make([]byte, 4096)); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestServer_ReadOnlyState(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "16m")
	state := filepath.Join(dir, "state")
	h := devserver.In(t, state)
	devserver.Start(t, h)
	if _, err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err := h.Ensure(t.Context())
	wantFault(t, err, "read-only")
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	devserver.Start(t, h)
}

// A database that cannot be written, in a folder that can: root ignores permission bits, so it is mounted read-only.
func TestServer_ReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "16m")
	h := devserver.In(t, filepath.Join(dir, "state"))
	devserver.Start(t, h)
	if _, err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	database := h.Files().Database
	if err := syscall.Mount(database, database, "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(database, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	if err := syscall.Mount("", database, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err := h.Ensure(t.Context())
	wantFault(t, err, "read-only")
}

// Each kind of database that a start can find, with the real server on it: what it does is tested in dev/temporal.
func TestServer_DatabaseOfAnotherVersion(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	devserver.Start(t, h)
	id := devserver.UniqueName(t)
	c := devserver.Dial(t, h)
	if _, err := c.ExecuteWorkflow(t.Context(), sdkclient.StartWorkflowOptions{ID: id, TaskQueue: id}, "never-run"); err != nil {
		t.Fatal(err)
	}
	restart := func(statements ...string) server.Record {
		t.Helper()
		if _, err := h.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		execSQL(t, h.Files().Database, statements...)
		return devserver.Start(t, h)
	}
	exists := func() bool {
		_, err := c.DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil
	}
	r := restart("UPDATE envflow_server SET server = '1.28.1', executions = '0.9'",
		"DROP TABLE current_chasm_executions", "DROP TABLE tasks_v2", "DROP TABLE task_queues_v2")
	if r.Notice != "" || !exists() {
		t.Errorf("after an upgrade: notice %q, workflow there: %v", r.Notice, exists())
	}
	r = restart("UPDATE envflow_server SET server = '99.0.0'")
	if !strings.Contains(r.Notice, "99.0.0") || exists() {
		t.Errorf("after a downgrade: notice %q, workflow there: %v", r.Notice, exists())
	}
	if _, err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Files().Database, []byte(strings.Repeat("rubbish", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := devserver.Start(t, h); !strings.Contains(r.Notice, "damaged") {
		t.Errorf("after damage: notice %q", r.Notice)
	}
	kept, err := filepath.Glob(filepath.Join(h.Files().Dir, "temporal-*.db"))
	if err != nil || len(kept) != 3 {
		t.Errorf("kept files: %v, %v; want 3", kept, err)
	}
}
