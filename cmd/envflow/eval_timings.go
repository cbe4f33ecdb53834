package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/worker"
)

// timingsDocument is the answer of `envflow eval --timings -o json`: fields of an evaluation.
type timingsDocument struct {
	Timings map[string]float64 `json:"timings"`
	Calls   map[string]int     `json:"calls"`
}

// totalTime is the key of the whole time among those of builtins.
const totalTime = "total"

// printTimings prints what took how long.
func (e *environ) printTimings(c *cli.Context, result *worker.Evaluation) error {
	var answer timingsDocument
	answer.Timings, answer.Calls = timingsOf(result)
	return e.printAnswer(c, answer, func(w *styledWriter) error { return writeTimings(w, result) })
}

// writeTimings prints the builtins that were called, the slowest first, and the total.
func writeTimings(w *styledWriter, result *worker.Evaluation) error {
	names := slices.SortedFunc(maps.Keys(result.Calls), func(a, b string) int {
		return cmp.Or(cmp.Compare(result.Timings[b], result.Timings[a]), cmp.Compare(a, b))
	})
	rows := [][3]string{{"TIME", "CALLS", "BUILTIN"}}
	for _, name := range names {
		rows = append(rows, [3]string{shortTime(result.Timings[name]), fmt.Sprint(result.Calls[name]), name})
	}
	rows = append(rows, [3]string{shortTime(result.Timings[totalTime]), "", "in total"})
	var width [2]int
	for _, row := range rows {
		width[0], width[1] = max(width[0], runes(row[0])), max(width[1], runes(row[1]))
	}
	for i, row := range rows {
		line := fmt.Sprintf("%s  %s  %s", padLeft(row[0], width[0]), padLeft(row[1], width[1]), row[2])
		if i == 0 || i == len(rows)-1 {
			line = w.bold(line)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// shortTime is a duration for a table in which most are shorter than a millisecond.
func shortTime(d time.Duration) string {
	if d < time.Millisecond {
		return "<1ms"
	}
	return seconds(d)
}
