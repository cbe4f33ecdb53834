package lsp

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/envflow/envflow/starlark"
)

// TestCases runs the cases of testdata. README.md there says how they are written.
func TestCases(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("find cases: %v, %d files", err, len(paths))
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		topic := strings.TrimSuffix(filepath.Base(path), ".txt")
		_, rest, _ := strings.Cut("\n"+string(data), "\n=== ")
		for _, c := range strings.Split(rest, "\n=== ") {
			name, text, _ := strings.Cut(c, "\n")
			t.Run(topic+"/"+name, func(t *testing.T) {
				t.Parallel()
				runCase(t, text)
			})
		}
	}
}

const cursor = "¦"

// asked are the questions that a case can have an answer to.
var asked = map[string]func(t *testing.T, s *server, d *document, at int, dir, want string){
	"completion": wantCompletion, "edit": wantEdit, "hover": wantHover, "signature": wantSignature, "definition": wantDefinition,
	"diagnostics": wantDiagnostics,
}

func runCase(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	source, sections := splitSections(text)
	source = strings.TrimSuffix(source, "\n")
	at := max(0, strings.Index(source, cursor))
	s := newTestServer(t)
	d := newDocument(uriOf(filepath.Join(dir, "Tiltfile")), 1, newText(strings.Replace(source, cursor, "", 1), utf16Units))
	s.documents[d.uri] = d
	count := 0
	for _, section := range sections {
		if asked[section[0]] == nil {
			writeFile(t, filepath.Join(dir, section[0]), section[1])
		}
	}
	for _, section := range sections {
		if ask := asked[section[0]]; ask != nil {
			ask(t, s, d, at, dir, section[1])
			count++
		}
	}
	if count == 0 {
		t.Error("the case expects nothing")
	}
}

// splitSections splits a case at lines such as "-- name --".
func splitSections(text string) (source string, sections [][2]string) {
	for line := range strings.Lines(text) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		name, closed := strings.CutSuffix(name, " --")
		switch {
		case ok && closed:
			sections = append(sections, [2]string{name})
		case len(sections) > 0:
			sections[len(sections)-1][1] += line
		default:
			source += line
		}
	}
	return source, sections
}

func wantCompletion(t *testing.T, s *server, d *document, at int, _, want string) {
	t.Helper()
	var got []string
	for _, item := range s.complete(d, at).(completionList).Items {
		got = append(got, item.Label)
	}
	for _, label := range strings.Fields(want) {
		switch absent, not := strings.CutPrefix(label, "!"); {
		case label == "NOTHING" && len(got) > 0:
			t.Errorf("got %q, want nothing", got)
		case label == "NOTHING":
		case not && slices.Contains(got, absent):
			t.Errorf("got %q, among others", absent)
		case !not && !slices.Contains(got, label):
			t.Errorf("got %q, want %q among them", got, label)
		}
	}
}

// wantEdit wants the line that is there after the item was chosen.
func wantEdit(t *testing.T, s *server, d *document, at int, _, want string) {
	t.Helper()
	label, line, _ := strings.Cut(strings.TrimSuffix(want, "\n"), ": ")
	for _, item := range s.complete(d, at).(completionList).Items {
		if item.Label == label {
			after := d.replace(contentChange{Range: &item.TextEdit.Range, Text: item.TextEdit.NewText})
			if got := after.line(item.TextEdit.Range.Start.Line); got != line {
				t.Errorf("got the line %q, want %q", got, line)
			}
			return
		}
	}
	t.Errorf("there is no item %s", label)
}

func wantHover(t *testing.T, s *server, d *document, at int, dir, want string) {
	t.Helper()
	got := "NOTHING"
	if h, ok := s.hover(d, at).(hover); ok {
		got = strings.ReplaceAll(h.Contents.Value, dir, "DIR")
	}
	for line := range strings.Lines(want) {
		if !strings.Contains(got, strings.TrimSpace(line)) {
			t.Errorf("got:\n%s\nwant in it: %s", got, line)
		}
	}
}

func wantSignature(t *testing.T, s *server, d *document, at int, _, want string) {
	t.Helper()
	got := "NOTHING"
	if help, ok := s.signature(d, at).(signatureHelp); ok {
		info := help.Signatures[0]
		got = info.Label
		if i := help.ActiveParameter; i < len(info.Parameters) {
			label, all := info.Parameters[i].Label.([2]int), utf16.Encode([]rune(got))
			text := func(from, to int) string { return string(utf16.Decode(all[from:to])) }
			got = text(0, label[0]) + "[" + text(label[0], label[1]) + "]" + text(label[1], len(all))
		}
	}
	begin, end, short := strings.Cut(strings.TrimSpace(want), "...")
	if got != begin && !(short && strings.HasPrefix(got, begin) && strings.Contains(got, end)) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func wantDefinition(t *testing.T, s *server, d *document, at int, dir, want string) {
	t.Helper()
	got := "NOTHING"
	if l, ok := s.define(d, at).(location); ok {
		rel, err := filepath.Rel(dir, pathOf(l.URI))
		if err != nil {
			t.Fatal(err)
		}
		got = fmt.Sprintf("%s:%d:%d", filepath.ToSlash(rel), l.Range.Start.Line+1, l.Range.Start.Character+1)
	}
	if want = strings.TrimSpace(want); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func wantDiagnostics(t *testing.T, s *server, d *document, _ int, _, want string) {
	t.Helper()
	if got := showDiagnostics(s.diagnose(d)); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// showDiagnostics shows each as line:column-column: message.
func showDiagnostics(found []diagnostic) string {
	var b strings.Builder
	for _, m := range found {
		fmt.Fprintf(&b, "%d:%d-%d: %s\n", m.Range.Start.Line+1, m.Range.Start.Character+1, m.Range.End.Character+1, m.Message)
	}
	return b.String()
}

var builtins = sync.OnceValues(starlark.Builtins)

func newTestServer(t testing.TB) *server {
	t.Helper()
	docs, err := builtins()
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(Options{Out: io.Discard, Docs: docs, Extensions: fakeExtensions{}})
	s.labelOffsets = true
	return s
}

// fakeExtensions are the folders of ext beside the Tiltfile.
type fakeExtensions struct{}

func (fakeExtensions) Find(dir, name string) string {
	path := filepath.Join(dir, "ext", filepath.FromSlash(name), "Tiltfile")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func (fakeExtensions) Names(dir string) (names []string) {
	entries, _ := os.ReadDir(filepath.Join(dir, "ext"))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
