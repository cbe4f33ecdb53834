package kit

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	gostarlark "go.starlark.net/starlark"
)

func TestCache_KeepsWhatWasUsedLately(t *testing.T) {
	t.Parallel()
	c := NewCache()
	c.begin()
	c.Put("used", 1)
	c.Put("unused", 2)
	for range keptEvaluations {
		c.begin()
		if v, ok := c.Get("used"); !ok || v != 1 {
			t.Fatalf("got %v %v of what is used each time", v, ok)
		}
	}
	if v, ok := c.Get("unused"); !ok || v != 2 {
		t.Errorf("got %v %v: it was dropped too early", v, ok)
	}
	c.Put("late", 3)
	for range keptEvaluations + 1 {
		c.begin()
	}
	if len(c.entries) != 0 {
		t.Errorf("%d entries are left that nobody used", len(c.entries))
	}
}

func TestCache_NilKeepsNothing(t *testing.T) {
	t.Parallel()
	var c *Cache
	c.begin()
	c.Put("a", 1)
	if v, ok := c.Get("a"); ok || v != nil {
		t.Errorf("got %v %v", v, ok)
	}
}

func TestCache_ServesSeveralEvaluationsAtOnce(t *testing.T) {
	t.Parallel()
	path := tiltfile(t, "a = [1]\na.append(len(a))\n")
	cache := NewCache()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				globals, err := NewRun(t.Context(), Options{Path: path, Cache: cache}).Exec(path)
				if err != nil || globals["a"].String() != "[1, 1]" {
					t.Errorf("got %v, %v", globals["a"], err)
				}
			}
		})
	}
	all.Wait()
}

func TestDigester_TellsListsApart(t *testing.T) {
	t.Parallel()
	digests := map[Digest]string{}
	for name, add := range map[string]func(*Digester){
		"nothing":        func(*Digester) {},
		"an empty text":  func(d *Digester) { d.Add("") },
		"ab":             func(d *Digester) { d.Add("ab") },
		"a, b":           func(d *Digester) { d.Add("a", "b") },
		"a list of a, b": func(d *Digester) { d.AddList([]string{"a", "b"}) },
		"a list of a; b": func(d *Digester) { d.AddList([]string{"a"}); d.Add("b") },
	} {
		d := NewDigester()
		add(d)
		sum := d.Sum()
		if other, ok := digests[sum]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		digests[sum] = name
	}
	a, b := NewDigester(), NewDigester()
	a.Add("text")
	b.AddBytes([]byte("text"))
	if a.Sum() != b.Sum() {
		t.Error("a text has another digest as bytes")
	}
}

func TestRun_CompilesAFileOnce(t *testing.T) {
	t.Parallel()
	path := tiltfile(t, "def f(): return [x]\nx = 1\ny = f()\ny.append(2)\n")
	cache := NewCache()
	first := evaluate(t, path, cache)
	programs := programsOf(cache)
	second := evaluate(t, path, cache)
	if len(programs) != 1 || fmt.Sprint(programsOf(cache)) != fmt.Sprint(programs) {
		t.Errorf("got %v, then %v; want the same program", programs, programsOf(cache))
	}
	for _, globals := range []gostarlark.StringDict{first, second} {
		if got := globals["y"].String(); got != "[1, 2]" {
			t.Errorf("got y = %s: evaluations share what one of them changed", got)
		}
	}
}

func TestRun_CompilesAgainWhatChanged(t *testing.T) {
	t.Parallel()
	path := tiltfile(t, "x = 1\n")
	cache := NewCache()
	evaluate(t, path, cache)

	if err := os.WriteFile(path, []byte("x = 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := evaluate(t, path, cache)["x"].String(); got != "2" {
		t.Errorf("got x = %s of the file before", got)
	}
	other := filepath.Join(t.TempDir(), "Tiltfile")
	if err := os.WriteFile(other, []byte("x = 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	evaluate(t, other, cache)
	if got := len(programsOf(cache)); got != 3 {
		t.Errorf("got %d programs of two contents and another path, want 3", got)
	}
}

// TestRun_CompilesAgainForOtherNames: whether a name is a builtin or a global of the file is the compiler's decision.
func TestRun_CompilesAgainForOtherNames(t *testing.T) {
	t.Parallel()
	path := tiltfile(t, "x = later\n")
	cache := NewCache()
	if _, err := NewRun(t.Context(), Options{Path: path, Cache: cache}).Exec(path); err == nil {
		t.Fatal("later is there already")
	}
	r := NewRun(t.Context(), Options{Path: path, Cache: cache})
	r.Value("later", gostarlark.String("now"))
	if globals, err := r.Exec(path); err != nil || globals["x"] != gostarlark.String("now") {
		t.Errorf("got %v, %v", globals, err)
	}
	if _, err := NewRun(t.Context(), Options{Path: path, Cache: cache}).Exec(path); err == nil {
		t.Error("a name is still there that no family has registered")
	}
}

func tiltfile(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "Tiltfile")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func evaluate(t *testing.T, path string, cache *Cache) gostarlark.StringDict {
	t.Helper()
	globals, err := NewRun(t.Context(), Options{Path: path, Cache: cache}).Exec(path)
	if err != nil {
		t.Fatal(err)
	}
	return globals
}

func programsOf(c *Cache) (list []*gostarlark.Program) {
	for _, entry := range c.entries {
		if program, ok := entry.value.(*gostarlark.Program); ok {
			list = append(list, program)
		}
	}
	return list
}
