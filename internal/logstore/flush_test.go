package logstore

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// within fails the test if fn does not return.
func within(t *testing.T, what string, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: it does not return", what)
	}
}

func TestWriter_FlushWaitsUntilLinesAreWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	w := open(t, dir, small)
	within(t, "with nothing to write", w.Flush)
	for i := range 5 {
		appendNumbers(w, 10*i+1, 10*i+10) // over several segments in the end
		within(t, "with lines", w.Flush)
		wantTexts(t, dir, Query{}, numbers(1, 10*i+10)...)
		within(t, "once more", w.Flush)
	}
}

// What is too much to wait for more is written at once.
func TestWriter_FlushOfMuch(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	w := open(t, dir, defaultLimits)
	appendNumbers(w, 1, 10_000)
	within(t, "it", w.Flush)
	if got := texts(t, dir, Query{}); len(got) != 10_000 {
		t.Errorf("%d lines", len(got))
	}
}

func TestWriter_FlushByMany(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	w := open(t, dir, defaultLimits)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			resource := fmt.Sprint("r", i)
			for n := range 5 {
				w.Append(Line{Resource: resource, Source: SourceBuild, Text: fmt.Sprint(n)})
				w.Flush()
				got := 0
				err := Read(t.Context(), dir, Query{Resources: []string{resource}}, func(Line) error { got++; return nil })
				if err != nil || got != n+1 {
					t.Errorf("%s has %d lines after %d, %v", resource, got, n+1, err)
				}
			}
		})
	}
	within(t, "all of them", all.Wait)
}

func TestWriter_FlushAfterClose(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	w := open(t, dir, small)
	appendNumbers(w, 1, 3)
	check(t, w.Close())
	within(t, "after Close", w.Flush)
	w.Append(Line{Text: "nobody takes it"})
	within(t, "after a line that nobody takes", w.Flush)
	wantTexts(t, dir, Query{}, numbers(1, 3)...)
}

// Lines that are lost are not waited for.
func TestWriter_FlushOfWhatIsLost(t *testing.T) {
	t.Parallel()
	w := open(t, filepath.Join(t.TempDir(), "log"), limits{segment: 1000, total: 10_000, buffer: 100})
	for range 1000 {
		w.Append(Line{Text: "too fast for so small a buffer"})
	}
	w.Append(Line{Time: time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC), Text: "of no year that can be written"})
	within(t, "it", w.Flush)
	if w.Dropped() == 0 {
		t.Error("nothing was lost")
	}
}
