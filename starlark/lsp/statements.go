package lsp

import "slices"

// statement is a line of a program, which may go over many of the file. The body of a function or an if is not part of its statement.
type statement struct {
	tokens []token
	first  int // the index of its first token in the file
	indent int
}

func (st *statement) start() int { return st.tokens[0].start }
func (st *statement) end() int   { return st.tokens[len(st.tokens)-1].end }

// compounds begin statements that have a body, which may stand in the same line.
var compounds = []string{"def", "if", "elif", "else", "for", "while"}

var keywords = []string{
	"and", "break", "continue", "def", "elif", "else", "for", "if", "in", "lambda", "load", "not", "or", "pass", "return", "while",
}

func (t token) isKeyword() bool { return t.kind == nameToken && slices.Contains(keywords, t.text) }

// statementsOf finds where statements begin: with a line, unless brackets are open. Brackets that somebody has opened and not yet
// closed would swallow the rest of the file, so where brackets do not match, a line that looks like a statement begins one.
func statementsOf(tokens []token) []statement {
	matched := bracketsMatch(tokens)
	var all []statement
	from, depth, indent := 0, 0, 0
	for i, t := range tokens {
		next := t.indent
		switch {
		case i == 0:
		case depth == 0 && t.first:
		case depth == 0 && tokens[i-1].is(";"):
			next = indent
		case depth == 0 && tokens[i-1].is(":") && slices.Contains(compounds, tokens[from].text):
			next = indent + 1
		case depth > 0 && !matched && t.first && t.indent <= indent && looksLikeStatement(tokens[i:]):
		default:
			depth = max(0, depth+nesting(t))
			continue
		}
		if i > 0 {
			all = append(all, statement{tokens[from:i], from, indent})
		}
		from, indent, depth = i, next, max(0, nesting(t))
	}
	if len(tokens) > 0 {
		all = append(all, statement{tokens[from:], from, indent})
	}
	return all
}

// looksLikeStatement reports whether a line defines, assigns, calls, or begins with a word that only statements have.
func looksLikeStatement(line []token) bool {
	if line[0].kind != nameToken {
		return false
	}
	if line[0].isKeyword() {
		return !slices.Contains([]string{"and", "in", "lambda", "not", "or"}, line[0].text)
	}
	for i := 1; i < len(line); i += 2 {
		before, t := line[i-1], line[i]
		switch {
		case t.is("="):
			return t.start > before.end || !endsInComma(line) // else it is a keyword argument
		case t.is("("):
			return t.start == before.end
		case !t.is(".") || i+1 == len(line) || line[i+1].kind != nameToken:
			return false
		}
	}
	return false
}

func endsInComma(line []token) bool {
	end := 1 + slices.IndexFunc(line[1:], func(t token) bool { return t.first })
	if end == 0 {
		end = len(line)
	}
	return line[end-1].is(",")
}

// bracketsMatch reports whether each bracket is closed by one of its kind.
func bracketsMatch(tokens []token) bool {
	closing := map[string]string{"(": ")", "[": "]", "{": "}"}
	var open []string
	for _, t := range tokens {
		switch n := nesting(t); {
		case n > 0:
			open = append(open, closing[t.text])
		case n < 0 && (len(open) == 0 || open[len(open)-1] != t.text):
			return false
		case n < 0:
			open = open[:len(open)-1]
		}
	}
	return len(open) == 0
}

// nesting is 1 for a bracket that opens, -1 for one that closes.
func nesting(t token) int {
	if t.kind == operatorToken {
		switch t.text {
		case "(", "[", "{":
			return 1
		case ")", "]", "}":
			return -1
		}
	}
	return 0
}
