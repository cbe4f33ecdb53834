// Package devserver gives tests an envflow server: the one that all packages of a run share, or one of their own that they
// may stop, kill and corrupt.
//
// It runs the real binary, so it links neither Temporal's server nor package dev. Only tests import it. Its functions skip
// the test under -short. They may be called from parallel tests.
package devserver

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	sdkclient "go.temporal.io/sdk/client"

	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/temporalclient"
	"github.com/envflow/envflow/internal/testenv"
)

// Shared returns a client of the server that all packages of this run share. Tests on it use IDs and task queues of their
// own (UniqueName) and must not stop it; dev/tools/test.sh does so after the last.
func Shared(t testing.TB) (sdkclient.Client, *server.Handle) {
	t.Helper()
	binary := Binary(t)
	h := server.New(filepath.Join(testenv.Root(t), ".testenv", "state"), server.Options{Executable: binary})
	if _, _, err := h.Ensure(t.Context()); err != nil {
		t.Fatalf("start the shared server: %+v", err)
	}
	return Dial(t, h), h
}

// New returns a server of the test's own that has not been started. It is stopped when the test ends, and its log is
// printed if the test failed.
func New(t testing.TB) *server.Handle {
	t.Helper()
	return In(t, t.TempDir())
}

// In is New with the state folder dir.
func In(t testing.TB, dir string) *server.Handle {
	t.Helper()
	h := server.New(dir, server.Options{Executable: Binary(t), StartArgs: []string{"--idle-timeout", "10m"}})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if _, err := h.Stop(ctx); err != nil {
			t.Errorf("stop the server: %v", err)
		}
		if log, err := os.ReadFile(h.Files().Log); err == nil && t.Failed() {
			t.Logf("log of the server in %s:\n%s", dir, log)
		}
	})
	return h
}

// Start starts the server of h.
func Start(t testing.TB, h *server.Handle) server.Record {
	t.Helper()
	record, _, err := h.Ensure(t.Context())
	if err != nil {
		t.Fatalf("start the server: %+v", err)
	}
	return record
}

// Dial returns a client of the running server of h, closed when the test ends.
func Dial(t testing.TB, h *server.Handle) sdkclient.Client {
	t.Helper()
	c, err := temporalclient.DialEmbedded(t.Context(), h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("connect to the server: %+v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// UniqueName returns an ID for a workflow or a task queue of this test that no other run uses.
func UniqueName(t testing.TB) string {
	return "test/" + t.Name() + "/" + time.Now().UTC().Format("20060102T150405.000000000")
}

var build struct {
	once sync.Once
	path string
	out  []byte
	err  error
}

// Binary returns the path of bin/envflow, up to date with the tree.
func Binary(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the envflow binary and its server: not under -short")
	}
	dir := testenv.Root(t)
	build.once.Do(func() {
		// Several packages' tests ask at the same time.
		lock := flock.New(filepath.Join(dir, ".testenv", "build.lock")) // .git is no folder in a worktree
		if build.err = os.MkdirAll(filepath.Dir(lock.Path()), 0o700); build.err != nil {
			return
		}
		if build.err = lock.Lock(); build.err != nil {
			return
		}
		defer func() { _ = lock.Unlock() }()
		cmd := exec.Command("make", "-s", "build") //nolint:noctx // a build serves all tests, not the first
		cmd.Dir = dir
		build.path = filepath.Join(dir, "bin", "envflow")
		build.out, build.err = cmd.CombinedOutput()
	})
	if build.err != nil {
		t.Fatalf("make build: %v\n%s", build.err, build.out)
	}
	return build.path
}
