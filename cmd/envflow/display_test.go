package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// A table is drawn over the last one, cleared where the window has changed, and not drawn at all where nothing has.
func TestDisplay_Frame(t *testing.T) {
	t.Parallel()
	width := 80
	d := &display{size: func() (int, int) { return width, 24 }, clock: func() time.Time { return noon }}
	two, one := shown{Status: running(readyResource("web"), readyResource("db"))}, shown{Status: running(readyResource("web"))}
	const end = clearRest + endUpdate
	head, web, db := "RESOURCE  UPDATE  RUNTIME  ELAPSED  LAST ERROR"+clearLine+"\n", "web       ok      ok          1.2s"+clearLine+"\n", "db        ok      ok          1.2s"+clearLine+"\n"
	all := head + web + db + "2 of 2 ready" + clearLine + "\n"
	for i, step := range []struct {
		now   shown
		width int
		want  string
	}{
		{two, 80, beginUpdate + all + end},
		{two, 80, ""},
		{one, 80, beginUpdate + "\r\x1b[4A" + head + web + "1 of 1 ready" + clearLine + "\n" + end},
		{two, 80, beginUpdate + "\r\x1b[3A" + all + end},
		{two, 79, beginUpdate + clearScreen + all + end},
	} {
		width = step.width
		if got := d.frame(step.now); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

// What is shown last is printed, also if the end comes at once.
func TestDisplay_ShowsTheNewest(t *testing.T) {
	t.Parallel()
	for _, size := range []func() (int, int){nil, func() (int, int) { return 80, 24 }} {
		var printed bytes.Buffer
		d := &display{out: newStream(&printed), next: make(chan shown, 1), clock: time.Now, size: size}
		ctx, end := context.WithCancel(t.Context())
		d.show(shown{Status: running(readyResource("old"))})
		d.show(shown{Status: running(readyResource("new"))})
		end()
		<-d.start(ctx)
		if got := printed.String(); !strings.Contains(got, "new") || strings.Contains(got, "old") {
			t.Errorf("printed %q", got)
		}
	}
}

func TestStream_StopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	writes := 0
	s := newStream(writerFunc(func(p []byte) (int, error) { writes++; return 0, full }))
	for range 3 {
		s.put("x")
	}
	select {
	case <-s.broken:
	default:
		t.Error("nobody is told")
	}
	if writes != 1 || !errors.Is(s.failed(), full) {
		t.Errorf("%d writes, %v", writes, s.failed())
	}
}

type writerFunc func(p []byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }
