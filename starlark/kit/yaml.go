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

// SplitYAML splits a text before its "---" lines and behind its "..." lines. Documents without content are not in the result. Nothing
// is copied, since texts of many megabytes are split in each evaluation.
func SplitYAML(text string) []YAMLDocument {
	var docs []YAMLDocument
	line := 1
	for text != "" {
		end := nextMarker(text, "---")
		for part := text[:end]; part != ""; {
			doc := part[:documentEnd(part)]
			if skipped, ok := beforeContent(doc); ok {
				above := strings.Count(doc[:skipped], "\n")
				docs = append(docs, YAMLDocument{Text: doc[skipped:], Line: line + above})
			}
			line += strings.Count(doc, "\n")
			part = part[len(doc):]
		}
		text = text[end:]
	}
	return docs
}

// nextMarker returns where the next line begins that is a marker, after the one the text may begin with. No scalar can have such a
// line.
func nextMarker(text, marker string) int {
	for from := 0; ; {
		at := strings.Index(text[from:], "\n"+marker)
		if at < 0 {
			return len(text)
		}
		from += at + len("\n")
		if hasMarker(text[from:], marker) {
			return from
		}
	}
}

func hasMarker(text, marker string) bool {
	rest, ok := strings.CutPrefix(text, marker)
	return ok && (rest == "" || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

// documentEnd returns the end of the first "..." line.
func documentEnd(text string) int {
	at := 0
	if !hasMarker(text, "...") {
		at = nextMarker(text, "...")
	}
	if newline := strings.IndexByte(text[at:], '\n'); newline >= 0 {
		return at + newline + 1
	}
	return len(text)
}

// beforeContent reports whether a document says anything, and how much of it are directives, such as %YAML 1.2, that no "---"
// follows.
func beforeContent(doc string) (directives int, ok bool) {
	at := 0
	for line := range strings.Lines(doc) {
		rest := strings.TrimPrefix(line, "---")
		switch trimmed := strings.Trim(rest, " \t\r\n"); { // other white space is content in YAML
		case trimmed == "" || trimmed[0] == '#', hasMarker(line, "..."):
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
