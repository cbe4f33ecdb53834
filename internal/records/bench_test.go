package records

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func BenchmarkPutContainer(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "state.db"))
	c := Container{ID: "containerd://1", Resource: "web", Files: map[string]string{}}
	for i := range 10 {
		c.Files[fmt.Sprintf("/app/web/file%d.go", i)] = fmt.Sprintf("%064d", i)
	}
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		check(b, s.PutContainer(b.Context(), c))
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}

// An image with as many files as a large repository has.
func BenchmarkPutImage(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "state.db"))
	image := Image{Ref: "web", InputDigest: "in", Files: map[string]string{}}
	for i := range 100_000 {
		image.Files[fmt.Sprintf("/home/user/src/project/web/src/module%d/file%d.ts", i/100, i)] = fmt.Sprintf("%064x", i*7919)
	}
	for b.Loop() {
		check(b, s.PutImage(b.Context(), image))
	}
}

func BenchmarkImage(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "state.db"))
	check(b, s.PutImage(b.Context(), Image{Ref: "web", InputDigest: "in", Files: map[string]string{"/a": "b"}}))
	for b.Loop() {
		if _, ok, err := s.Image(b.Context(), "web", "in"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkOpenReadOnly(b *testing.B) {
	path := filepath.Join(b.TempDir(), "state.db")
	s := open(b, path)
	check(b, s.PutSnapshot(b.Context(), []byte("{}")))
	for b.Loop() {
		reader, err := OpenReadOnly(b.Context(), path)
		check(b, err)
		_, _, _, err = reader.Snapshot(b.Context())
		check(b, err)
		check(b, reader.Close())
	}
}
