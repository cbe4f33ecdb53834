package kit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun_Limits: what does not end by itself is ended, with the place.
func TestRun_Limits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"loop":              {"x = 1\nwhile True:\n  x += 1\n", "it does not end: 100000 steps were executed"},
		"loop in a call":    {"def f():\n  for i in range(1000000000):\n    pass\nf()\n", "it does not end: 100000 steps were executed"},
		"output":            {"for i in range(100):\n  print('0123456789' * 100)\n", "it prints too much: more than 50000 bytes"},
		"recursion":         {"def f():\n  return f()\nf()\n", "recursion is too deep"},
		"mutual recursion":  {"def f():\n  return g()\ndef g():\n  return f()\nf()\n", "recursion is too deep"},
		"output in a while": {"while True:\n  print('0123456789' * 100)\n", "it prints too much: more than 50000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "Tiltfile")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			run := NewRun(t.Context(), Options{Path: path})
			run.limits = limits{steps: 100_000, output: 50_000, memory: 1 << 40}
			_, err := run.Exec(path)
			if err == nil {
				t.Fatal("it ended well")
			}
			if e := run.Explain(err); e.Message != test.want || e.File != path || e.Line == 0 {
				t.Errorf("got %s:%d: %s, want %s", e.File, e.Line, e.Message, test.want)
			}
		})
	}
}

func TestRun_LimitsMemory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "Tiltfile")
	if err := os.WriteFile(path, []byte("l = []\nwhile True:\n  l.append('x' * 1000 + str(len(l)))\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := NewRun(t.Context(), Options{Path: path})
	run.limits.memory = 64 << 20
	_, err := run.Exec(path)
	if err == nil {
		t.Fatal("it ended well")
	}
	if e := run.Explain(err); e.Message != "it takes too much memory: more than 64 MiB" || e.Line == 0 {
		t.Errorf("got %s:%d: %s", e.File, e.Line, e.Message)
	}
}

func TestRun_LimitsAreBeyondWhatIsMeant(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "Tiltfile")
	if err := os.WriteFile(path, []byte("n = 0\nfor i in range(300000):\n  n += i\nprint('x' * 1000000)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if _, err := NewRun(t.Context(), Options{Path: path, Output: &out}).Exec(path); err != nil || out.Len() != 1000001 {
		t.Errorf("got %v, %d bytes", err, out.Len())
	}
}
