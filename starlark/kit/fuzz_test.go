package kit

import (
	"strings"
	"testing"
)

// FuzzSplitYAML: documents are parts of the text, in its order, and their lines are where they begin.
func FuzzSplitYAML(f *testing.F) {
	for _, text := range []string{"a: 1\n---\nb: 2\n", "---\r\n--- x\n", "%YAML 1.2\n---\na", "\ufeff---\na: |\n  ---\n", "---\n---\n...\n", "a: 1\n...\nb: 2\n... # end"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		from := 0
		for _, doc := range SplitYAML(text) {
			at := strings.Index(text[from:], doc.Text)
			if at < 0 {
				t.Fatalf("%q is not in the rest of %q", doc.Text, text)
			}
			lines := strings.Split(text, "\n")
			first, _, _ := strings.Cut(doc.Text, "\n")
			if doc.Line < 1 || doc.Line > len(lines) || lines[doc.Line-1] != first {
				t.Fatalf("%q is said to begin at line %d of %q", doc.Text, doc.Line, text)
			}
			from += at + len(doc.Text)
		}
	})
}
