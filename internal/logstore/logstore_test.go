package logstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/testenv"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// small makes segments of a few lines.
var small = limits{segment: 1000, total: 10_000, buffer: 1 << 20}

func open(tb testing.TB, dir string, l limits, options ...Option) *Writer {
	tb.Helper()
	w, err := openWith(dir, l, options...)
	check(tb, err)
	tb.Cleanup(func() { _ = w.Close() })
	return w
}

// texts reads the texts of the lines that q asks for.
func texts(tb testing.TB, dir string, q Query) []string {
	tb.Helper()
	var all []string
	check(tb, Read(tb.Context(), dir, q, func(line Line) error {
		all = append(all, line.Text)
		return nil
	}))
	return all
}

func wantTexts(tb testing.TB, dir string, q Query, want ...string) {
	tb.Helper()
	if diff := cmp.Diff(want, texts(tb, dir, q)); diff != "" {
		tb.Errorf("%+v (-want +got):\n%s", q, diff)
	}
}

func lastSegment(tb testing.TB, dir string) string {
	tb.Helper()
	segments, err := list(dir)
	check(tb, err)
	return segmentPath(dir, segments[len(segments)-1].number)
}

// numbers returns the texts "from", ..., "to".
func numbers(from, to int) []string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func appendNumbers(w *Writer, from, to int) {
	for _, text := range numbers(from, to) {
		w.Append(Line{Resource: "web", Source: SourceBuild, Text: text})
	}
}

func TestRead_GivesBackWholeLines(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	w, err := Open(dir)
	check(t, err)
	want := []Line{
		{Time: time.Now().UTC(), Resource: "web", Source: SourceRuntime, Container: "c", Pod: "p", Level: "warn", Text: "\x1b[31mred\x1b[0m <&> \"quoted\" \\ \u2028 tab\t"},
		{Time: time.Now().UTC(), Source: SourceEngine, Text: ""},
		{Time: time.Now().UTC(), Resource: "<a&b>", Text: strings.Repeat("long ", 100_000)},
	}
	for _, line := range want {
		w.Append(line)
	}
	check(t, w.Close())
	w.Append(Line{Text: "after Close"})
	var got []Line
	check(t, Read(t.Context(), dir, Query{}, func(line Line) error { got = append(got, line); return nil }))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantTexts(t, dir, Query{Resources: []string{"<a&b>"}}, want[2].Text)
	info, err := os.Stat(lastSegment(t, dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info, err)
	}
}

func TestAppend_CutsWhatIsTooLong(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	check(t, encode(&buf, Line{Text: "x" + strings.Repeat("é", maxText)}))
	line, ok := decode(buf.Bytes())
	if !ok || !strings.HasSuffix(line.Text, fmt.Sprintf("é... (%d bytes more)", maxText+2)) || len(line.Text) > maxText+100 {
		t.Errorf("%t, %d bytes, ends in %q", ok, len(line.Text), line.Text[len(line.Text)-40:])
	}
}

func TestRead_Filters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, small)
	start := time.Now().Add(-time.Hour)
	for i := range 100 {
		w.Append(Line{Time: start.Add(time.Duration(i) * time.Second), Resource: fmt.Sprint("svc", i%2), Source: []string{SourceBuild, SourceRuntime}[i/50], Level: []string{"", LevelWarn, LevelError}[i%3], Text: fmt.Sprint(i)})
	}
	check(t, w.Close())
	if len(texts(t, dir, Query{})) != 100 {
		t.Errorf("all: %v", texts(t, dir, Query{}))
	}
	wantTexts(t, dir, Query{Tail: 2}, "98", "99")
	wantTexts(t, dir, Query{Tail: 2, Resources: []string{"svc0"}}, "96", "98")
	wantTexts(t, dir, Query{Tail: 1, Sources: []string{SourceBuild}}, "49")
	wantTexts(t, dir, Query{Tail: 2, Level: LevelWarn}, "94", "97")
	wantTexts(t, dir, Query{Since: start.Add(97 * time.Second)}, "97", "98", "99")
	wantTexts(t, dir, Query{Since: start.Add(98 * time.Second), Tail: 5}, "98", "99")
	wantTexts(t, dir, Query{Since: start.Add(97 * time.Second), Resources: []string{"svc1", "svc"}}, "97", "99")
	wantTexts(t, dir, Query{Tail: -1})
	wantTexts(t, dir, Query{Resources: []string{"svc"}})
	if got := texts(t, dir, Query{Tail: 1000}); len(got) != 100 || got[0] != "0" {
		t.Errorf("a long tail: %v", got)
	}
	wantTexts(t, filepath.Join(dir, "none"), Query{Tail: 5})
	enough := errors.New("enough")
	if err := Read(t.Context(), dir, Query{}, func(Line) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error is %v", err)
	}
}

func TestRead_TailOverManyBlocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, defaultLimits)
	for i := range 4000 {
		w.Append(Line{Text: fmt.Sprint(i, strings.Repeat(".", i%700))})
	}
	w.Append(Line{Text: strings.Repeat("x", 3*blockSize)})
	w.Append(Line{Text: "last"})
	check(t, w.Close())
	all := texts(t, dir, Query{})
	for _, n := range []int{1, 2, 3, 1000, 4001, 4002} {
		wantTexts(t, dir, Query{Tail: n}, all[len(all)-n:]...)
	}
}

func TestRead_PassesOverTornLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, defaultLimits)
	appendNumbers(w, 1, 2)
	check(t, w.Close())
	file, err := os.OpenFile(lastSegment(t, dir), os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	_, err = file.WriteString(`{"t":"2026-01-02T03:04:05Z","r":"web","m":"to`)
	check(t, errors.Join(err, file.Close()))
	wantTexts(t, dir, Query{}, "1", "2")
	wantTexts(t, dir, Query{Tail: 5}, "1", "2")
	w = open(t, dir, defaultLimits)
	appendNumbers(w, 3, 3)
	check(t, w.Close())
	wantTexts(t, dir, Query{}, "1", "2", "3")
	wantTexts(t, dir, Query{Tail: 2}, "2", "3")
}

func TestWriter_DropsTheOldestSegments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, small)
	appendNumbers(w, 1, 1000)
	check(t, w.Close())
	segments, err := list(dir)
	check(t, err)
	var total int64
	for _, s := range segments {
		total += s.info.Size()
		if s.info.Size() > small.segment+100 {
			t.Errorf("segment %d has %d bytes", s.number, s.info.Size())
		}
	}
	if total < small.total/2 || total > small.total+2*small.segment {
		t.Errorf("%d bytes are left", total)
	}
	got := texts(t, dir, Query{})
	if diff := cmp.Diff(numbers(1000-len(got)+1, 1000), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// follower collects what a reader that follows gets.
type follower struct {
	mu    sync.Mutex
	texts []string
	done  chan error
	stop  context.CancelFunc
}

func follow(t *testing.T, dir string, q Query) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{done: make(chan error, 1), stop: cancel}
	q.Follow = true
	go func() {
		f.done <- Read(ctx, dir, q, func(line Line) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.texts = append(f.texts, line.Text)
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-f.done; !errors.Is(err, context.Canceled) {
			t.Errorf("the reader ended with %v", err)
		}
	})
	return f
}

func (f *follower) want(t *testing.T, want ...string) {
	t.Helper()
	testenv.Eventually(t, 10*time.Second, "the lines are read", func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if diff := cmp.Diff(want, f.texts); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

func TestRead_FollowsAcrossSegmentsAndWriters(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not there yet")
	all := follow(t, dir, Query{})
	w := open(t, dir, small)
	appendNumbers(w, 1, 5)
	all.want(t, numbers(1, 5)...)
	tail := follow(t, dir, Query{Tail: 2})
	tail.want(t, "4", "5")
	for i := 6; i <= 200; i++ { // 20 segments, some of which are dropped
		appendNumbers(w, i, i)
		if i%20 == 0 {
			all.want(t, numbers(1, i)...)
		}
	}
	check(t, w.Close())
	w = open(t, dir, small)
	appendNumbers(w, 201, 203)
	all.want(t, numbers(1, 203)...)
	tail.want(t, numbers(4, 203)...)

	// `envflow down` removed the log, and `up` began another.
	check(t, w.Close())
	check(t, os.RemoveAll(dir))
	w = open(t, dir, small)
	appendNumbers(w, 204, 204)
	all.want(t, numbers(1, 204)...)
}

func TestRead_FollowsALineThatComesInPieces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, defaultLimits)
	appendNumbers(w, 1, 1)
	check(t, w.Close())
	f := follow(t, dir, Query{})
	f.want(t, "1")
	file, err := os.OpenFile(lastSegment(t, dir), os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	for _, piece := range []string{`{"t":"2026-01-02T03:04`, `:05Z","m":"2`, "\"}\n{\"t\":\"2026-01-02T03:04:05Z\",", `"m":"3"}`, "\n"} {
		_, err = file.WriteString(piece)
		check(t, err)
	}
	check(t, file.Close())
	f.want(t, "1", "2", "3")
}

func TestWriter_IsQuick(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, defaultLimits)
	for i := 1; i <= 5; i++ {
		appendNumbers(w, i, i)
		testenv.Eventually(t, 5*time.Second, "the line is in its file", func() error {
			if got := texts(t, dir, Query{}); len(got) != i {
				return fmt.Errorf("got %v", got)
			}
			return nil
		})
	}
}

func TestWriter_TakesLinesFromManySides(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir, limits{segment: 1 << 20, total: 1 << 30, buffer: 64 << 20})
	var wg sync.WaitGroup
	for side := range 8 {
		wg.Go(func() {
			for i := range 5000 {
				w.Append(Line{Resource: fmt.Sprint(side), Text: fmt.Sprint(i)})
			}
		})
	}
	wg.Wait()
	check(t, w.Close())
	if w.Dropped() != 0 {
		t.Errorf("%d were dropped", w.Dropped())
	}
	for side := range 8 {
		wantTexts(t, dir, Query{Resources: []string{fmt.Sprint(side)}}, numbers(0, 4999)...)
	}
}
