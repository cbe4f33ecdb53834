package proc

import (
	"os"
	"path/filepath"
	"testing"
)

func TestParseStat_CountsFromTheLastParenthesis(t *testing.T) {
	t.Parallel()
	line := "42 (a ) (b) S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 7 8 9"
	got, err := parseStat(line)
	if err != nil {
		t.Fatal(err)
	}
	if want := (stat{state: "S", parent: 7, start: 123456}); got != want {
		t.Errorf("parseStat = %+v, want %+v", got, want)
	}
	for _, bad := range []string{"", "42", "42 (a) S 1", "42 (a) S x 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("parseStat(%q) gives no error", bad)
		}
	}
}

func TestRead_ReturnsWhatWriteStored(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.pid")
	want := Record{PID: 1, Start: 2, Boot: "b", Spec: "s"}
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || got != want {
		t.Errorf("Read = %+v, %v, want %+v", got, err, want)
	}
	if err := os.WriteFile(path, []byte("123"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := Read(path); err == nil || r != (Record{}) {
		t.Errorf("Read of a broken file = %+v, %v, want an error", r, err)
	}
}
