package supervise

import (
	"fmt"
	"strings"
	"testing"
)

// Old output is dropped, and a reader that comes late begins with the oldest there is.
func TestOutput_KeepsTheLast(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o, err := openOutput(dir)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 60<<10)
	const lines = 6 * maxOutput / (60 << 10)
	var cursor Cursor
	for i := range lines {
		o.line(Stdout, []byte(fmt.Sprintf("%d %s", i, text)))
		if i == 10 {
			if cursor, err = ReadLines(dir, Cursor{}, func(Line) {}); err != nil {
				t.Fatal(err)
			}
		}
	}
	o.close()
	if numbers := outputs(dir); len(numbers) != keptOutput {
		t.Errorf("files %v", numbers)
	}
	first, last, n := -1, -1, 0
	if _, err := ReadLines(dir, cursor, func(l Line) {
		var i int
		_, _ = fmt.Sscanf(l.Text, "%d", &i)
		if first < 0 {
			first = i
		}
		if n > 0 && i != last+1 {
			t.Errorf("after line %d comes %d", last, i)
		}
		last, n = i, n+1
	}); err != nil {
		t.Fatal(err)
	}
	if last != lines-1 || first <= 10 || n < (keptOutput-1)*maxOutput/(61<<10) {
		t.Errorf("read lines %d to %d of %d", first, last, lines)
	}
	// The next shim goes on after it.
	again, err := openOutput(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	again.line(Stderr, []byte("new"))
	var texts []string
	if _, err := ReadLines(dir, Cursor{File: again.n}, func(l Line) { texts = append(texts, string(l.Stream)+l.Text) }); err != nil || len(texts) != 1 || texts[0] != "enew" {
		t.Errorf("read %q, error %v", texts, err)
	}
}

func TestProcess_IsNotOnlyAPID(t *testing.T) {
	t.Parallel()
	me := self()
	if !me.Alive() {
		t.Errorf("%+v is not alive", me)
	}
	for _, other := range []Process{{}, {PID: me.PID}, {PID: me.PID, Start: me.Start, Boot: "another"}, {PID: me.PID, Start: me.Start + "1", Boot: me.Boot}} {
		if other.Alive() {
			t.Errorf("%+v is alive", other)
		}
	}
}
