package lsp

import (
	"sort"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding is what the editor counts in a line.
type encoding string

const (
	utf16Units encoding = "utf-16" // unless another is agreed upon
	utf8Bytes  encoding = "utf-8"
)

// text is the content of a file. Inside, a place is an offset in bytes; editors count lines and units of the encoding.
type text struct {
	string
	encoding encoding
	starts   []int // of the lines
}

func newText(s string, e encoding) text {
	t := text{string: s, encoding: e, starts: []int{0}}
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' && (i+1 == len(s) || s[i+1] != '\n') {
			t.starts = append(t.starts, i+1)
		}
	}
	return t
}

// line returns a line without its end. There is an empty one behind the last.
func (t text) line(n int) string {
	switch {
	case n < 0 || n >= len(t.starts):
		return ""
	case n+1 < len(t.starts):
		return strings.TrimRight(t.string[t.starts[n]:t.starts[n+1]], "\r\n")
	}
	return t.string[t.starts[n]:]
}

// offset returns the place of p, or the nearest there is.
func (t text) offset(p position) int {
	if p.Line < 0 {
		return 0
	}
	if p.Line >= len(t.starts) {
		return len(t.string)
	}
	start, line, units := t.starts[p.Line], t.line(p.Line), 0
	for at := 0; at < len(line); {
		r, size := utf8.DecodeRuneInString(line[at:])
		units += t.encoding.units(r, size)
		if units > p.Character {
			return start + at
		}
		at += size
	}
	return start + len(line)
}

func (t text) position(offset int) position {
	offset = min(max(offset, 0), len(t.string))
	line := sort.SearchInts(t.starts, offset+1) - 1
	units := 0
	for at := t.starts[line]; at < offset; {
		r, size := utf8.DecodeRuneInString(t.string[at:offset])
		units += t.encoding.units(r, size)
		at += size
	}
	return position{Line: line, Character: units}
}

func (t text) rangeOf(start, end int) textRange {
	return textRange{Start: t.position(start), End: t.position(end)}
}

// runeOffset returns the place of a line and a column as the parser counts them: from 1, and in characters.
func (t text) runeOffset(line, column int) int {
	if line < 1 || line > len(t.starts) {
		return len(t.string)
	}
	at := t.starts[line-1]
	for i := range t.line(line - 1) {
		if column <= 1 {
			return at + i
		}
		column--
	}
	return at + len(t.line(line-1))
}

// replace returns the text after a change.
func (t text) replace(c contentChange) text {
	if c.Range == nil {
		return newText(c.Text, t.encoding)
	}
	start := t.offset(c.Range.Start)
	end := max(start, t.offset(c.Range.End))
	return newText(t.string[:start]+c.Text+t.string[end:], t.encoding)
}

// units returns how much of a line a character of so many bytes is.
func (e encoding) units(r rune, size int) int {
	if e == utf8Bytes {
		return size
	}
	return utf16.RuneLen(r)
}
