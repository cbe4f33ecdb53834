package lsp

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTyping types half a line between any two statements of real Tiltfiles: there is one mistake, and it is there.
func TestTyping(t *testing.T) {
	t.Parallel()
	count := 0
	for _, path := range tiltfiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(data), "\n")
		for _, st := range newOutline(string(data)).statements {
			if first := st.tokens[0]; !first.first || first.is("else") || first.is("elif") {
				continue
			}
			at := strings.Count(string(data[:st.start()]), "\n")
			for _, typed := range []string{"docker_build('x', ", "x = [", "if os.getenv('a'", "x = os.", "def f(", "k8s_yaml('abc"} {
				count++
				half := strings.Repeat(" ", st.indent) + typed + "\n"
				source := strings.Join(slices.Concat(lines[:at], []string{half}, lines[at:]), "")
				s := newTestServer(t)
				d := newDocument(uriOf(path), 1, newText(source, utf16Units))
				if found := s.diagnose(d); len(found) != 1 || found[0].Range.Start.Line != at {
					t.Errorf("%s: with %q in line %d:\n%s", path, typed, at+1, showDiagnostics(found))
				}
				end := d.offset(position{Line: at, Character: len(half) - 1})
				if help, ok := s.signature(d, end).(signatureHelp); strings.Contains(typed, "docker_build(") && (!ok || help.ActiveParameter != 1) {
					t.Errorf("%s: no signature behind %q in line %d: %+v", path, typed, at+1, help)
				}
			}
		}
	}
	if count < 500 {
		t.Errorf("typed %d lines only", count)
	}
}

func tiltfiles(t *testing.T) (paths []string) {
	t.Helper()
	for _, root := range []string{"../testdata/extensions", "../../examples"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Name() == "Tiltfile" {
				path, err = filepath.Abs(path)
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return paths
}
