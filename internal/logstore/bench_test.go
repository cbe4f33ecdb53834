package logstore

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func BenchmarkAppend(b *testing.B) {
	w := open(b, b.TempDir(), defaultLimits)
	line := Line{Time: time.Now(), Resource: "web", Source: SourceRuntime, Container: "web", Pod: "web-0", Text: strings.Repeat("some text ", 15)}
	for b.Loop() {
		w.Append(line)
	}
	check(b, w.Close())
	b.ReportMetric(float64(w.Dropped()), "dropped")
}

func BenchmarkTail(b *testing.B) {
	dir := b.TempDir()
	w := open(b, dir, limits{segment: 16 << 20, total: 256 << 20, buffer: 256 << 20})
	for i := range 200_000 {
		w.Append(Line{Time: time.Now(), Resource: fmt.Sprint("svc", i%50), Source: SourceRuntime, Text: strings.Repeat("some text ", 15)})
	}
	check(b, w.Close())
	for name, q := range map[string]Query{"last 100": {Tail: 100}, "last 100 of one": {Tail: 100, Resources: []string{"svc7"}}, "all": {}, "all of one": {Resources: []string{"svc7"}}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				check(b, Read(b.Context(), dir, q, func(Line) error { return nil }))
			}
		})
	}
}
