package logstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/testenv"
)

// A disk is full for a while: Append does not fail, the trouble is told once, what could be written is there, and the log
// says what is missing.
func TestWriter_FullDisk(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	dir := t.TempDir()
	check(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { check(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	ballast := filepath.Join(dir, "ballast")
	check(t, os.WriteFile(ballast, make([]byte, 128<<10), 0o600))

	var told atomic.Int64
	log := filepath.Join(dir, "log")
	w := open(t, log, defaultLimits, OnLoss(func(err error) {
		told.Add(1)
		if !strings.Contains(err.Error(), "is full") || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("told %v", err)
		}
	}))
	written := 0
	for w.Dropped() == 0 {
		written++
		w.Append(Line{Text: fmt.Sprint("before ", written, strings.Repeat("x", 1000))})
		if written%50 == 0 {
			testenv.Eventually(t, 5*time.Second, "the lines are written or lost", func() error {
				if w.Dropped() == 0 && len(texts(t, log, Query{})) != written {
					return errors.New("not yet")
				}
				return nil
			})
		}
	}
	for range 3 { // more trouble is not told
		before := w.Dropped()
		w.Append(Line{Text: strings.Repeat("y", 100_000)})
		testenv.Eventually(t, 5*time.Second, "the line is lost", func() error {
			if w.Dropped() == before {
				return errors.New("not yet")
			}
			return nil
		})
	}
	check(t, os.Remove(ballast))
	w.Append(Line{Text: "after"})
	check(t, w.Close())
	if told.Load() != 1 {
		t.Errorf("told %d times", told.Load())
	}
	got := texts(t, log, Query{})
	tail := got[len(got)-2:]
	if !slices.Equal(tail, []string{fmt.Sprintf("%d lines of the log were lost: they could not be written", w.Dropped()), "after"}) {
		t.Errorf("the log ends in %q", tail)
	}
	if kept := int64(len(got) - 2); kept+w.Dropped() != int64(written+3) {
		t.Errorf("%d kept and %d dropped of %d", kept, w.Dropped(), written+3)
	}
}
