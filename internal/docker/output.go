package docker

import (
	"bytes"
	"strings"
)

// Bounds of what is kept.
const (
	keptLines = 20      // of a step's output, for its error
	maxLine   = 8 << 10 // bytes of a line; a longer one is cut in pieces
)

// output prints lines, and knows which step printed last.
type output struct {
	sink  func(string)
	lines map[string]*lineBuffer // by step
	last  string                 // the step that printed last

	failed func() (name, message string, lines []string) // the step that failed, its error, its last lines; all empty if none did
}

// lineBuffer is what a step has printed.
type lineBuffer struct {
	header string // printed above its lines if another step printed in between
	rest   []byte // without an end yet
	kept   []string
}

func newOutput(sink func(string)) *output {
	if sink == nil {
		sink = func(string) {}
	}
	return &output{sink: sink, lines: map[string]*lineBuffer{}, failed: func() (string, string, []string) { return "", "", nil }}
}

// say prints a line about a step.
func (o *output) say(step, line string) {
	o.last = step
	o.sink(line)
}

// write prints what a step's program wrote, line by line.
func (o *output) write(step, header string, data []byte) {
	l := o.lines[step]
	if l == nil {
		l = &lineBuffer{header: header}
		o.lines[step] = l
	}
	l.rest = append(l.rest, data...)
	for {
		at := bytes.IndexByte(l.rest, '\n')
		if at < 0 && len(l.rest) < maxLine {
			return
		}
		size := at + 1
		if at < 0 {
			at, size = maxLine, maxLine
		}
		o.line(step, l, l.rest[:at])
		l.rest = l.rest[size:]
	}
}

func (o *output) line(step string, l *lineBuffer, data []byte) {
	line := strings.TrimRight(string(data), "\r")
	// A progress bar draws over its own line: the last state is what one would see.
	if at := strings.LastIndexByte(line, '\r'); at >= 0 {
		line = line[at+1:]
	}
	if len(l.kept) == keptLines {
		l.kept = l.kept[1:]
	}
	l.kept = append(l.kept, line)
	if o.last != step && l.header != "" {
		o.sink(l.header)
	}
	o.say(step, line)
}

// flush prints what was written without an end of line.
func (o *output) flush() {
	for step, l := range o.lines {
		if len(l.rest) > 0 {
			o.line(step, l, l.rest)
			l.rest = nil
		}
	}
}

// kept returns the last lines of a step.
func (o *output) kept(step string) []string {
	o.flush()
	if l := o.lines[step]; l != nil {
		return l.kept
	}
	return nil
}
