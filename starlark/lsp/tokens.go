package lsp

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	nameToken tokenKind = iota // keywords too
	stringToken
	numberToken
	operatorToken
)

// token is a word of a file. Any text has tokens, also one that is no Starlark.
type token struct {
	kind       tokenKind
	first      bool // in its line
	closed     bool // a string that has an end
	start, end int
	text       string
	indent     int // of its line, in bytes
	content    int // of a string: where it begins behind its quotes
}

func (t token) is(text string) bool { return t.kind != stringToken && t.text == text }

// value is what a string says, as long as it has no escapes.
func (t token) value() string { return t.text[t.content-t.start : t.contentEnd()-t.start] }

// contentEnd is where the quotes that end a string are, or would be.
func (t token) contentEnd() int {
	if !t.closed {
		return t.end
	}
	return t.end - (t.content - t.start - len(t.prefix()))
}

// prefix is what stands before the quotes of a string: r, b or both.
func (t token) prefix() string { return t.text[:strings.IndexAny(t.text, `'"`)] }

type span struct{ start, end int }

// scanner takes a file apart.
type scanner struct {
	src      string
	at       int
	line     int  // where the line begins
	fresh    bool // nothing was found in the line
	indent   int
	tokens   []token
	comments []span
}

// scan returns the tokens of a file, and where its comments are.
func scan(src string) ([]token, []span) {
	s := &scanner{src: src, fresh: true, tokens: make([]token, 0, len(src)/4)}
	for s.at < len(s.src) {
		s.next()
	}
	return s.tokens, s.comments
}

func (s *scanner) next() {
	rest := s.src[s.at:]
	switch c := rest[0]; {
	case c == '\n' || c == '\r':
		s.at++
		s.line, s.fresh = s.at, true
	case c == ' ' || c == '\t' || c == '\f':
		s.at++
	case c == '\\':
		s.skipContinuation(rest)
	case c == '#':
		end := strings.IndexAny(rest, "\r\n")
		if end < 0 {
			end = len(rest)
		}
		s.comments = append(s.comments, span{s.at, s.at + end})
		s.at += end
	case quoteAt(rest) >= 0:
		s.addString(rest, quoteAt(rest))
	default:
		s.addWord(rest)
	}
}

// skipContinuation passes over a backslash and the end of line behind it: the next line belongs to this one.
func (s *scanner) skipContinuation(rest string) {
	s.at++
	switch {
	case strings.HasPrefix(rest[1:], "\r\n"):
		s.at += 2
	case strings.HasPrefix(rest[1:], "\n"), strings.HasPrefix(rest[1:], "\r"):
		s.at++
	}
}

// quoteAt returns where the quotes of a string begin that rest begins with, -1 if it is no string.
func quoteAt(rest string) int {
	for i := range min(3, len(rest)) {
		switch rest[i] {
		case '"', '\'':
			return i
		case 'r', 'b':
		default:
			return -1
		}
	}
	return -1
}

// addString adds a string. One in single quotes that has no end stops with the line, one in triple quotes with the file.
func (s *scanner) addString(rest string, prefix int) {
	quote := rest[prefix : prefix+1]
	long := strings.Repeat(quote, 3)
	triple := strings.HasPrefix(rest[prefix:], long)
	if triple {
		quote = long
	}
	begin := prefix + len(quote)
	for i := begin; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && i+1 < len(rest):
			i++
		case strings.HasPrefix(rest[i:], quote):
			s.add(token{kind: stringToken, content: s.at + begin, closed: true}, i+len(quote))
			return
		case !triple && (rest[i] == '\n' || rest[i] == '\r'):
			s.add(token{kind: stringToken, content: s.at + begin}, i)
			return
		}
	}
	s.add(token{kind: stringToken, content: s.at + begin}, len(rest))
}

// operators of more than one character, the longest first.
var operators = []string{"//=", ">>=", "<<=", "**", "//", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "|=", "&=", "^="}

func (s *scanner) addWord(rest string) {
	if n := prefixOf(rest, isDigit); n > 0 {
		s.add(token{kind: numberToken}, prefixOf(rest, func(r rune) bool { return isNamePart(r) || r == '.' }))
		return
	}
	if n := prefixOf(rest, isNamePart); n > 0 {
		s.add(token{kind: nameToken}, n)
		return
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			s.add(token{kind: operatorToken}, len(op))
			return
		}
	}
	_, size := utf8.DecodeRuneInString(rest)
	s.add(token{kind: operatorToken}, size)
}

func (s *scanner) add(t token, length int) {
	if s.fresh {
		s.indent = s.at - s.line
	}
	t.start, t.end, t.text = s.at, s.at+length, s.src[s.at:s.at+length]
	t.first, t.indent = s.fresh, s.indent
	s.tokens = append(s.tokens, t)
	s.at, s.fresh = t.end, false
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isNamePart(r rune) bool {
	return r == '_' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// prefixOf returns how many bytes at the beginning of s are characters that ok accepts.
func prefixOf(s string, ok func(rune) bool) int {
	for i, r := range s {
		if !ok(r) {
			return i
		}
	}
	return len(s)
}
