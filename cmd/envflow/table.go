package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/envflow/envflow/internal/api"
)

// table is how an environment looks on a screen, or printed, at one moment.
type table struct {
	Status        api.Status
	Errors        map[string]string // full texts of failures by resource, api.TiltfileName among them
	Stale         string            // why nothing here is known to be so now; "" if it is
	Now           time.Time
	Width, Height int // of the screen; 0: as much as it takes
	style
}

// columns between the name and the note, and what stands above them.
var tableHead = row{name: "RESOURCE", update: "UPDATE", runtime: "RUNTIME", elapsed: "ELAPSED", note: "LAST ERROR"}

// row is one line of the table.
type row struct {
	name, update, runtime, elapsed, note string
	rank                                 rank
}

// rank says how much a row wants to be seen.
type rank int

const (
	rankFailed rank = iota
	rankBusy
	rankWaiting
	rankReady
	rankOff // not enabled, or waits to be triggered for the first time
)

// lines returns the table without line ends: the resources, a summary, and the errors. On a screen that is too small for all
// resources those come first that have something to say, and the others are counted.
func (t table) lines() []string {
	rows := make([]row, 0, len(t.Status.Resources))
	for _, r := range t.Status.Resources {
		rows = append(rows, t.row(r))
	}
	problems := t.problems()
	summary := t.summary(rows)
	hidden := 0
	if fixed := 3 + min(len(problems), t.Height/3); t.Height > 0 && len(rows)+fixed > t.Height { // head, summary, line of the cursor
		slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.rank, b.rank) })
		shown := max(t.Height-fixed, 1)
		hidden, rows = len(rows)-shown, rows[:shown]
	}
	if hidden > 0 {
		summary += fmt.Sprintf(" · %d more not shown", hidden)
	}
	var out []string
	if len(rows) > 0 {
		out = t.grid(rows)
	}
	out = append(out, t.clip(summary))
	if t.Height > 0 {
		problems = clipLines(problems, max(t.Height-len(out)-1, 0))
	}
	for _, line := range problems {
		if text, ok := strings.CutSuffix(line, "\x00"); ok { // a heading
			out = append(out, t.red(t.clip(text)))
			continue
		}
		out = append(out, t.clip(line))
	}
	return out
}

// row is a resource as a line of the table.
func (t table) row(r api.ResourceStatus) row {
	out := row{
		name: r.Name, update: strings.ReplaceAll(r.Update, "_", " "), runtime: r.Runtime, elapsed: t.elapsed(r), note: r.Reason,
		rank: rankWaiting,
	}
	switch {
	case t.Stale != "":
		out.note = t.Stale
	case r.Update == api.StateError && t.Errors[r.Name] != "":
		out.note = t.Errors[r.Name]
	case r.Needs != "":
		out.note = waitingFor(r)
	case out.note == "" && notAskedFor(r):
		out.note = "waits to be triggered"
	}
	out.note = oneLine(out.note)
	switch {
	case t.Stale != "":
	case !r.Enabled:
		out.rank, out.note = rankOff, "not enabled"
	case r.Update == api.StateError || r.Runtime == api.StateError:
		out.rank = rankFailed
	case r.Update == api.StateInProgress:
		out.rank = rankBusy
	case r.Ready:
		out.rank = rankReady
	case notAskedFor(r):
		out.rank = rankOff
	}
	return out
}

// elapsed is how long an update takes or took.
func (t table) elapsed(r api.ResourceStatus) string {
	switch {
	case t.Stale == "" && r.Update == api.StateInProgress && !r.Since.IsZero():
		return seconds(max(t.Now.Sub(r.Since), 0))
	case r.Last != nil:
		return seconds(time.Duration(r.Last.Seconds * float64(time.Second)))
	}
	return ""
}

// seconds is a duration as people like to read it.
func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

// grid sets rows in columns under the head.
func (t table) grid(rows []row) []string {
	head := tableHead
	if t.Stale != "" {
		head.note = "STATE"
	}
	all := append([]row{head}, rows...)
	var name, update, runtime, elapsed int
	for _, r := range all {
		name, update = max(name, runes(r.name)), max(update, runes(r.update))
		runtime, elapsed = max(runtime, runes(r.runtime)), max(elapsed, runes(r.elapsed))
	}
	if t.Width > 0 {
		name = min(name, max(t.Width/3, 8))
	}
	out := make([]string, 0, len(all))
	for i, r := range all {
		left := pad(clipTo(r.name, name), name) + "  "
		up, run := pad(r.update, update)+"  ", pad(r.runtime, runtime)+"  "
		rest := strings.TrimRight(padLeft(r.elapsed, elapsed)+"  "+r.note, " ")
		if line := left + up + run + rest; t.Width > 0 && runes(line) > t.Width {
			rest = clipTo(rest, max(t.Width-runes(left+up+run), 0))
		}
		if i == 0 {
			out = append(out, t.bold(t.clip(strings.TrimRight(left+up+run+rest, " "))))
			continue
		}
		if plain := left + up + run + rest; t.Width > 0 && runes(plain) > t.Width { // narrower than the columns
			out = append(out, t.clip(plain))
			continue
		}
		out = append(out, strings.TrimRight(left+t.coloured(up, r.update)+t.coloured(run, r.runtime)+rest, " "))
	}
	return out
}

// coloured is the cell of a state.
func (t table) coloured(cell, state string) string {
	text := strings.TrimRight(cell, " ")
	space := cell[len(text):]
	switch {
	case t.Stale != "":
		return t.dim(text) + space
	case state == api.StateOK:
		return t.green(text) + space
	case state == api.StateError:
		return t.red(text) + space
	case state == "in progress" || state == api.StatePending:
		return t.yellow(text) + space
	}
	return t.dim(text) + space
}

// summary counts.
func (t table) summary(rows []row) string {
	if t.Stale != "" {
		return countNoun(len(rows), "resource")
	}
	var count [rankOff + 1]int
	for _, r := range rows {
		count[r.rank]++
	}
	parts := []string{fmt.Sprintf("%d of %d ready", count[rankReady], len(rows)-count[rankOff])}
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(count[rankBusy], "updating")
	add(count[rankWaiting], "waiting")
	add(count[rankFailed], "failed")
	add(count[rankOff], "off")
	switch {
	case t.Status.Evaluating:
		parts = append(parts, "evaluating the Tiltfile")
	case t.Status.Down != "":
		parts = append(parts, "not taken down")
	case t.Status.Error != "":
		parts = append(parts, "the Tiltfile has an error")
	case t.Status.Warnings > 0:
		parts = append(parts, "the Tiltfile has "+countNoun(t.Status.Warnings, "warning"))
	}
	return strings.Join(parts, " · ")
}

// problems are the errors in full, the Tiltfile's first. A heading ends in \x00.
func (t table) problems() []string {
	if t.Stale != "" {
		return nil
	}
	var out []string
	add := func(name, text string) {
		if text = strings.TrimSpace(text); text == "" {
			return
		}
		out = append(out, "", name+"\x00")
		for line := range strings.SplitSeq(text, "\n") {
			out = append(out, "  "+printable(line))
		}
	}
	if t.Status.Error != "" {
		add(api.TiltfileName, cmp.Or(t.Errors[api.TiltfileName], t.Status.Error))
	}
	add("(down)", t.Status.Down)
	if len(t.Status.Undeleted) > 0 {
		add(strings.Join(t.Status.Undeleted, ", "), "not in the Tiltfile any more, but not deleted: "+t.Status.Why+"\nIt is tried again when the Tiltfile is evaluated: `envflow trigger \""+api.TiltfileName+"\"`")
	}
	for _, r := range t.Status.Resources {
		if r.Enabled && r.Update == api.StateError {
			add(r.Name, cmp.Or(t.Errors[r.Name], r.Reason))
		}
	}
	add("not run by this version of envflow", strings.Join(t.Status.NotRun, "\n"))
	return out
}

// clip cuts text that is longer than the screen is wide.
func (t table) clip(text string) string {
	if t.Width <= 0 {
		return text
	}
	return clipTo(text, t.Width)
}

// clipLines keeps the first most lines, and says that there were more.
func clipLines(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	if most < 3 { // no room for anything that helps
		return nil
	}
	return append(slices.Clone(lines[:most-1]), fmt.Sprintf("  … %d more lines", len(lines)-most+1))
}

// clipTo cuts text to width characters.
func clipTo(text string, width int) string {
	switch {
	case runes(text) <= width:
		return text
	case width <= 0:
		return ""
	}
	return string([]rune(text)[:width-1]) + "…"
}

// oneLine is the first line of text that says something.
func oneLine(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(printable(line)); line != "" {
			return line
		}
	}
	return ""
}

// printable is a line without what would move the cursor or change colours: escape sequences and control characters. A tab
// becomes spaces.
func printable(line string) string {
	if !strings.ContainsFunc(line, isControl) {
		return line
	}
	var out strings.Builder
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRuneInString(line[i:])
		switch {
		case r == '\x1b':
			size = escapeLength(line[i:])
		case r == '\t':
			out.WriteString("    ")
		case !isControl(r):
			out.WriteString(line[i : i+size])
		}
		i += size
	}
	return out.String()
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// escapeLength is how long the escape sequence at the beginning of text is.
func escapeLength(text string) int {
	if len(text) < 2 || text[1] != '[' {
		return min(len(text), 2)
	}
	for i := 2; i < len(text); i++ {
		if text[i] >= 0x40 && text[i] <= 0x7e { // the final byte of a control sequence, ECMA-48 5.4
			return i + 1
		}
	}
	return len(text)
}

func runes(text string) int { return utf8.RuneCountInString(text) }

func pad(text string, width int) string { return text + strings.Repeat(" ", max(width-runes(text), 0)) }

func padLeft(text string, width int) string {
	return strings.Repeat(" ", max(width-runes(text), 0)) + text
}
