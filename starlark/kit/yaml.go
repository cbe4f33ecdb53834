package kit

import (
	"regexp"
	"strconv"
	"strings"
)

// YAMLDocument is one document of a YAML text.
type YAMLDocument struct {
	Text string // with the "---" it begins with, if it does
	Line int    // of its first line in the whole text, from 1
}

// SplitYAML splits a text before its "---" lines. Documents without content are not in the result. Nothing is copied, since texts of
// many megabytes are split in each evaluation.
func SplitYAML(text string) []YAMLDocument {
	var docs []YAMLDocument
	for line := 1; text != ""; {
		end := nextDocument(text)
		doc := text[:end]
		if skipped, ok := beforeContent(doc); ok {
			above := strings.Count(doc[:skipped], "\n")
			docs = append(docs, YAMLDocument{Text: doc[skipped:], Line: line + above})
		}
		line += strings.Count(doc, "\n")
		text = text[end:]
	}
	return docs
}

// nextDocument returns where the next "---" line begins, after the one the text may begin with.
func nextDocument(text string) int {
	for from := 0; ; {
		at := strings.Index(text[from:], "\n---")
		if at < 0 {
			return len(text)
		}
		from += at + len("\n---")
		if from == len(text) || strings.IndexByte(" \t\r\n", text[from]) >= 0 {
			return from - len("---")
		}
	}
}

// beforeContent reports whether a document says anything, and how much of it are directives, such as %YAML 1.2, that no "---"
// follows.
func beforeContent(doc string) (directives int, ok bool) {
	at := 0
	for line := range strings.Lines(doc) {
		rest := strings.TrimPrefix(line, "---")
		switch trimmed := strings.Trim(rest, " \t\r\n"); { // other white space is content in YAML
		case trimmed == "" || trimmed[0] == '#' || trimmed == "...":
		case line[0] == '%':
			directives = at + len(line)
		default:
			return directives, true
		}
		at += len(line)
	}
	return 0, false
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// YAMLProblem says what is wrong with a document that begins at line first of its text, with lines of the text.
func YAMLProblem(err error, first int) string {
	return yamlLine.ReplaceAllStringFunc(strings.TrimPrefix(err.Error(), "yaml: "), func(found string) string {
		n, convErr := strconv.Atoi(strings.TrimPrefix(found, "line "))
		if convErr != nil {
			return found
		}
		return "line " + strconv.Itoa(n+first-1)
	})
}
