package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// known are the builtins of the tests.
var known = []string{
	"config", "exit", "fail", "include", "len", "link", "load_dynamic", "local", "os", "print", "probe", "run", "set", "str", "struct",
	"sync", "sys", "test", "False", "None", "True", "__file__",
}

// wanted is a finding that a case asks for.
type wanted struct {
	file         string
	line, column int
	rule, text   string
	found        bool
}

var expectation = regexp.MustCompile(`^(\d+) ([a-z-]+) ?(.*)$`)

func TestCases(t *testing.T) {
	t.Parallel()
	topics, err := filepath.Glob("testdata/*.star")
	if err != nil || len(topics) == 0 {
		t.Fatalf("there are no cases: %v", err)
	}
	for _, topic := range topics {
		data, err := os.ReadFile(topic)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range strings.Split("\n"+string(data), "\n=== ") {
			name, text, _ := strings.Cut(text, "\n")
			if i == 0 {
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(topic), ".star")+"/"+name, func(t *testing.T) {
				t.Parallel()
				runCase(t, text)
			})
		}
	}
}

var fileMark = regexp.MustCompile(`(?m)^-- (.+) --\n?`)

// runCase lints the files of a case and compares what is found with what it wants.
func runCase(t *testing.T, text string) {
	dir := t.TempDir()
	files := map[string]string{}
	marks := fileMark.FindAllStringSubmatchIndex(text, -1)
	name, from := "Tiltfile", 0
	for _, m := range marks {
		files[name] = text[from:m[0]]
		name, from = text[m[2]:m[3]], m[1]
	}
	files[name] = text[from:]
	var wants []*wanted
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(content, "\n") {
			for _, want := range strings.Split(line, "###")[1:] {
				m := expectation.FindStringSubmatch(strings.TrimSpace(want))
				if m == nil {
					t.Fatalf("%s:%d: %q wants nothing", name, i+1, want)
				}
				column, _ := strconv.Atoi(m[1])
				wants = append(wants, &wanted{file: path, line: i + 1, column: column, rule: m[2], text: m[3]})
			}
		}
	}
	for _, f := range Files([]string{filepath.Join(dir, "Tiltfile")}, known).Findings {
		i := slices.IndexFunc(wants, func(w *wanted) bool {
			return !w.found && w.file == f.File && w.line == f.Line && w.column == f.Column && w.rule == f.Rule && strings.Contains(f.Message+" "+f.Hint, w.text)
		})
		if i < 0 {
			t.Errorf("unwanted: %s:%d:%d: %s [%s] %s", filepath.Base(f.File), f.Line, f.Column, f.Message, f.Rule, f.Hint)
			continue
		}
		wants[i].found = true
	}
	for _, w := range wants {
		if !w.found {
			t.Errorf("not found: %s:%d:%d %s %s", filepath.Base(w.file), w.line, w.column, w.rule, w.text)
		}
	}
}

// Files come in the order in which they name each other, and findings in that of the files.
func TestFiles_Order(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	paths := []string{"Tiltfile", "z.star", "b.star", "a.star"}
	for i, text := range []string{"include('z.star')\nos = 1\ninclude('b.star')\nlen = 1\n", "os = 1\n", "os = 1\n", "os = 1\n"} {
		paths[i] = filepath.Join(dir, paths[i])
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report := Files([]string{paths[0], paths[3], paths[1]}, known)
	if !slices.Equal(report.Files, paths) {
		t.Errorf("files are %v, want %v", report.Files, paths)
	}
	var got []string
	for _, f := range report.Findings {
		got = append(got, fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line))
	}
	if want := "Tiltfile:2 Tiltfile:4 z.star:1 b.star:1 a.star:1"; strings.Join(got, " ") != want {
		t.Errorf("findings are at %v, want %s", got, want)
	}
}

// An editor shows such a file well, so that the words of the parser are a riddle.
func TestFiles_Encoding(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\ufeffprint(1)\n":                 "1:1: the file begins with a byte order mark (save it as UTF-8 without one)",
		"\xff\xfep\x00\n\x00":              "1:1: the file is UTF-16 (save it as UTF-8)",
		"\xfe\xff\x00p\x00\n":              "1:1: the file is UTF-16 (save it as UTF-8)",
		"print(1)\nprint(\xe9)\n":          "2:7: this is not UTF-8 (save the file as UTF-8)",
		"print('\xe9')\n":                  "", // it is executed
		"# \xe9\nprint(1) = = 2\n":         "2:12: got '=', want primary expression ()",
		"print('\ufffd')\nprint(\u00a0)\n": "2:7: unexpected input character '\\u00a0' ()",
	} {
		path := filepath.Join(t.TempDir(), "Tiltfile")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range Files([]string{path}, known).Findings {
			got = append(got, fmt.Sprintf("%d:%d: %s (%s)", f.Line, f.Column, f.Message, f.Hint))
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// Whatever is in a file, looking at it ends.
func FuzzFiles(f *testing.F) {
	f.Add("load('a', 'b')\nfor x in y:\n  os = 1\n  return\n")
	f.Add("def f(*, a=1, **b): x = [c for (d, [e]) in f]\n")
	f.Add("\xff\x00")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "Tiltfile")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, finding := range Files([]string{path}, known).Findings {
			if finding.Line < 1 || finding.Column < 1 || finding.Message == "" || finding.Rule == "" {
				t.Errorf("%q: %+v", text, finding)
			}
		}
	})
}
