// Package testbedlock is the one lock of a machine's testbed: tests share it, and whoever starts, stops or breaks a
// daemon of the testbed holds it alone.
//
// The lock belongs to an open file, so it ends with its process however that dies. A waiting exclusive lock is served
// before shared ones that come later. Only dev/testbed and internal/testenv import the package; a Lock must not be
// released from two goroutines at once.
package testbedlock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Path is the lock's file.
const Path = "/var/lib/envflow-testbed/lock"

// pollEvery is how often a taken lock is tried again; flock offers no wait that a context could end.
const pollEvery = 20 * time.Millisecond

// Mode says whether a lock is shared.
type Mode int

// The modes of a lock.
const (
	Shared    Mode = iota // with other shared ones
	Exclusive             // alone
)

// Lock is a held lock.
type Lock struct {
	file *flock.Flock
}

// Holder is a process that holds the lock.
type Holder struct {
	PID  int
	Mode Mode
}

// Acquire takes the lock at a path, whose folder must exist, and waits for it until the context ends. If it has to wait
// it first calls waiting with the holders; waiting may be nil.
func Acquire(ctx context.Context, path string, mode Mode, waiting func([]Holder)) (*Lock, error) {
	// Whoever waits for the lock holds the turn. So an exclusive lock is not put off for ever by shared ones that overlap.
	turn := flock.New(path + ".turn")
	defer turn.Close()
	file := flock.New(path)
	told := false
	wait := func() {
		if !told && waiting != nil {
			waiting(Holders(path))
		}
		told = true
	}
	if err := poll(ctx, turn.TryLock, wait); err != nil {
		return nil, fmt.Errorf("wait for a turn at the testbed's lock %s (held by %v): %w", path, Holders(path), err)
	}
	try := file.TryLock
	if mode == Shared {
		try = file.TryRLock
	}
	if err := poll(ctx, try, wait); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for the testbed's lock %s (held by %v): %w", path, Holders(path), err), file.Close())
	}
	return &Lock{file}, nil
}

// Release gives the lock back.
func (l *Lock) Release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release the testbed's lock: %w", err)
	}
	return nil
}

// Holders returns the processes that hold the lock at a path.
func Holders(path string) []Holder {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	inode, ok := inodeOf(info)
	if !ok {
		return nil
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}
	return parseHolders(string(locks), inode)
}

// String names the holder for a message.
func (h Holder) String() string {
	name := "process " + strconv.Itoa(h.PID)
	if program, err := os.ReadFile("/proc/" + strconv.Itoa(h.PID) + "/comm"); err == nil {
		name += " (" + strings.TrimSpace(string(program)) + ")"
	}
	return name
}

// parseHolders reads /proc/locks, whose lines look like "1: FLOCK  ADVISORY  WRITE 4242 fe:00:131 0 EOF". Lines with an
// arrow are of processes that wait.
func parseHolders(locks string, inode uint64) []Holder {
	var holders []Holder
	for line := range strings.Lines(locks) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "FLOCK" || !strings.HasSuffix(fields[5], ":"+strconv.FormatUint(inode, 10)) {
			continue
		}
		pid, err := strconv.Atoi(fields[4])
		if err != nil || pid <= 0 {
			continue // It is in another process namespace.
		}
		holder := Holder{PID: pid, Mode: Shared}
		if fields[3] == "WRITE" {
			holder.Mode = Exclusive
		}
		if !slices.Contains(holders, holder) {
			holders = append(holders, holder)
		}
	}
	return holders
}

// Prepare makes the folder of the lock.
func Prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make folder for the testbed's lock: %w", err)
	}
	return nil
}

func poll(ctx context.Context, try func() (bool, error), wait func()) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := try()
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock: %w", err)
		}
		if ok {
			return nil
		}
		wait()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
