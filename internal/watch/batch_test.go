package watch

import (
	"fmt"
	"testing"
	"time"
)

func TestDue_Adapts(t *testing.T) {
	t.Parallel()
	o := Options{Quiet: 10 * time.Millisecond, Max: 10 * time.Second}
	const ms = time.Millisecond
	start := time.Now()
	for what, test := range map[string]struct {
		paths int
		every time.Duration
		total time.Duration
		want  time.Duration // after the first change
	}{
		"one save":                   {1, ms, 0, 10 * ms},
		"a save of three steps":      {2, ms, 2 * ms, 13 * ms},
		"a checkout, at its start":   {100, ms, 20 * ms, 70 * ms},
		"a checkout, going on":       {1000, ms, time.Second, 1310 * ms},
		"a checkout without an end":  {1000, ms, 11 * time.Second, 10 * time.Second},
		"a log without an end":       {1, ms, 3 * time.Second, time.Second},
		"a program that is written ": {1, ms, 200 * ms, 310 * ms},
	} {
		tg := &target{}
		for at := time.Duration(0); at <= test.total; at += test.every {
			tg.touch(start.Add(at))
		}
		for i := range test.paths {
			tg.changed(fmt.Sprint(i), start.Add(test.total))
		}
		if got := tg.due(o).Sub(start); got != test.want {
			t.Errorf("%s is due after %v, want %v", what, got, test.want)
		}
	}
}

func TestChanged_TooManyPathsAreARescan(t *testing.T) {
	t.Parallel()
	tg := &target{}
	for i := range maxPaths + 1 {
		tg.changed(fmt.Sprint(i), time.Now())
	}
	if !tg.rescan || len(tg.paths) != 0 {
		t.Errorf("rescan %t, %d paths", tg.rescan, len(tg.paths))
	}
}
