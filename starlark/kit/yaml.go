package kit

import "strings"

// YAMLDocument is one document of a YAML text.
type YAMLDocument struct {
	Text string
	Line int // of its first line in the whole text, from 1
}

// SplitYAML splits a text at its "---" lines. Documents without content are not in the result.
func SplitYAML(text string) []YAMLDocument {
	var docs []YAMLDocument
	var current strings.Builder
	start, number, content := 1, 0, false
	flush := func(next int) {
		if content {
			docs = append(docs, YAMLDocument{Text: current.String(), Line: start})
		}
		current.Reset()
		start, content = next, false
	}
	for line := range strings.Lines(text) {
		number++
		rest, ok := strings.CutPrefix(line, "---")
		if ok && (rest == "" || strings.ContainsRune(" \t\r\n", rune(rest[0]))) {
			flush(number)
			line = "   " + rest // what may follow on that line belongs to the document
		}
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "" || trimmed[0] == '#' || trimmed == "...":
		case line[0] == '%' && !content:
			line = "\n" // a directive, such as %YAML 1.2
		default:
			content = true
		}
		current.WriteString(line)
	}
	flush(number)
	return docs
}
