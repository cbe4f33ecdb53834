package testbedlock

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

func acquire(t *testing.T, path string, mode Mode) *Lock {
	t.Helper()
	lock, err := Acquire(t.Context(), path, mode, nil)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func release(t *testing.T, lock *Lock) {
	t.Helper()
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestAcquire_SharesAndExcludes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, second := acquire(t, path, Shared), acquire(t, path, Shared)
	release(t, first)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	waited := false
	if _, err := Acquire(ctx, path, Exclusive, func([]Holder) { waited = true }); err == nil || !waited {
		t.Fatalf("an exclusive lock beside a shared one: %v, waited %v", err, waited)
	}
	release(t, second)
	alone := acquire(t, path, Exclusive)
	if runtime.GOOS == "linux" {
		if got, want := Holders(path), []Holder{{os.Getpid(), Exclusive}}; !slices.Equal(got, want) {
			t.Errorf("Holders = %v, want %v", got, want)
		}
	}
	release(t, alone)
	if got := Holders(path); len(got) > 0 {
		t.Errorf("Holders = %v after the release", got)
	}
}

func TestAcquire_ServesAWaitingExclusiveLockFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first := acquire(t, path, Shared)
	waits := make(chan struct{})
	order := make(chan string, 2)
	locks := make(chan *Lock, 2)
	take := func(name string, mode Mode, waiting func([]Holder)) {
		lock, err := Acquire(t.Context(), path, mode, waiting)
		if err != nil {
			t.Error(err)
		}
		order <- name
		locks <- lock
	}
	go take("exclusive", Exclusive, func([]Holder) { close(waits) })
	<-waits
	later := make(chan struct{})
	go take("shared", Shared, func([]Holder) { close(later) })
	<-later // Without turns it would have had the lock at once.
	release(t, first)
	if got := <-order; got != "exclusive" {
		t.Errorf("%s came first", got)
	}
	release(t, <-locks)
	<-order
	release(t, <-locks)
}

func TestParseHolders_SkipsOthersAndThoseThatWait(t *testing.T) {
	t.Parallel()
	got := parseHolders("1: FLOCK  ADVISORY  WRITE 12 fe:00:77 0 EOF\n1: -> FLOCK  ADVISORY  READ 13 fe:00:77 0 EOF\n"+
		"2: POSIX  ADVISORY  WRITE 14 fe:00:77 0 EOF\n3: FLOCK  ADVISORY  READ 15 fe:00:78 0 EOF\n4: FLOCK  ADVISORY  READ 16 fe:00:77 0 EOF\n", 77)
	if want := []Holder{{12, Exclusive}, {16, Shared}}; !slices.Equal(got, want) {
		t.Errorf("parseHolders = %v, want %v", got, want)
	}
}
