package lsp

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestText_Positions(t *testing.T) {
	t.Parallel()
	source := "a😀ö|b\r\nc\rd\n"
	at := strings.Index(source, "|")
	for e, want := range map[encoding]position{utf16Units: {0, 4}, utf8Bytes: {0, 7}} {
		text := newText(source, e)
		if got := text.position(at); got != want {
			t.Errorf("%s: got %v, want %v", e, got, want)
		}
		if got := text.offset(want); got != at {
			t.Errorf("%s: got %d back, want %d", e, got, at)
		}
	}
	text := newText(source, utf16Units)
	for p, want := range map[position]string{
		{0, 2}:  "a",     // the middle of a character is its beginning
		{0, 99}: "a😀ö|b", // behind the line is its end
		{1, 1}:  "a😀ö|b\r\nc",
		{2, 0}:  "a😀ö|b\r\nc\r",
		{3, 0}:  source, // the empty line at the end
		{99, 0}: source,
		{-1, 3}: "",
		{0, -1}: "",
	} {
		if got := source[:text.offset(p)]; got != want {
			t.Errorf("%v: got %q, want %q", p, got, want)
		}
	}
}

func TestText_Replace(t *testing.T) {
	t.Parallel()
	got := newText("a😀b\r\nc", utf16Units)
	for _, c := range []contentChange{
		{Range: &textRange{position{0, 3}, position{1, 9}}, Text: "x\r\ny"},
		{Range: &textRange{position{1, 0}, position{1, 0}}, Text: "ö"},
		{Range: &textRange{position{0, 4}, position{1, 1}}, Text: ""},
	} {
		got = got.replace(c)
	}
	if got.string != "a😀xy" {
		t.Errorf("got %q", got.string)
	}
	if got = got.replace(contentChange{Text: "all"}); got.string != "all" {
		t.Errorf("got %q", got.string)
	}
}

// FuzzText compares a change of a part with the whole text that the editor has then, which counts for itself here.
func FuzzText(f *testing.F) {
	f.Add("a😀b\r\nc", "x\r\n", 0, 3, 1, 0)
	f.Add("\r\r\n\n", "", 1, 0, 2, 0)
	f.Add("ö", "\r", 0, 1, 5, 5)
	f.Fuzz(func(t *testing.T, before, inserted string, line1, character1, line2, character2 int) {
		if !utf8.ValidString(before) || !utf8.ValidString(inserted) {
			t.Skip() // no JSON
		}
		start, end := position{line1, character1}, position{line2, character2}
		from, ok1 := countUnits(before, start)
		to, ok2 := countUnits(before, end)
		if !ok1 || !ok2 || from > to {
			t.Skip() // no editor says so
		}
		got := newText(before, utf16Units).replace(contentChange{Range: &textRange{start, end}, Text: inserted})
		want := newText(before[:from]+inserted+before[to:], utf16Units)
		if got.string != want.string {
			t.Fatalf("%q, %v to %v replaced by %q: got %q, want %q", before, start, end, inserted, got.string, want.string)
		}
		for offset := range want.string {
			if p := want.position(offset); want.offset(p) != offset && !strings.HasPrefix(want.string[offset:], "\n") {
				t.Fatalf("%q: %d is %v, and that is %d", want.string, offset, p, want.offset(p))
			}
		}
	})
}

// countUnits finds the place of a position from the beginning of the text; false if there is none.
func countUnits(s string, p position) (int, bool) {
	line, units := 0, 0
	for at := 0; ; {
		if line == p.Line && units == p.Character {
			return at, true
		}
		if at == len(s) {
			return 0, false
		}
		r, size := utf8.DecodeRuneInString(s[at:])
		switch {
		case strings.HasPrefix(s[at:], "\r\n"):
			line, units, size = line+1, 0, 2
		case r == '\n' || r == '\r':
			line, units = line+1, 0
		default:
			units += utf16.RuneLen(r)
		}
		at += size
	}
}
