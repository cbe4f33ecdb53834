package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkSave measures from before a save to OnBatch, with as many folders as a large project has.
func BenchmarkSave(b *testing.B) {
	dir := realTemp(b)
	for i := range 2000 {
		write(b, dir, fmt.Sprintf("dir%d/sub%d/file", i/50, i))
	}
	told := make(chan time.Time, 100)
	var targets []Target
	for i := range 40 {
		targets = append(targets, wholeFolder(filepath.Join(dir, fmt.Sprint("dir", i))))
		targets[i].Name = fmt.Sprint(i)
	}
	w, err := New(Options{OnBatch: func(Batch) { told <- time.Now() }})
	check(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		check(b, <-done)
	})
	w.Set(targets)
	tmp, path := filepath.Join(dir, "dir7/sub370/.tmp"), filepath.Join(dir, "dir7/sub370/file")
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		check(b, os.WriteFile(tmp, []byte(start.String()), 0o600))
		check(b, os.Rename(tmp, path))
		took = append(took, (<-told).Sub(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}

func BenchmarkSet(b *testing.B) {
	dir := realTemp(b)
	for i := range 5000 {
		write(b, dir, fmt.Sprintf("dir%d/sub%d/file", i/50, i))
	}
	for b.Loop() {
		h := start(b, Options{})
		h.Set([]Target{wholeFolder(dir)})
	}
}
