package lint

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/syntax"
)

// encodingProblem says in other words than the parser why it cannot read what an editor may show well; "" if that is not why.
func encodingProblem(src []byte, e syntax.Error) (message, hint string) {
	switch {
	case bytes.HasPrefix(src, []byte("\ufeff")):
		return "the file begins with a byte order mark", "save it as UTF-8 without one"
	case bytes.HasPrefix(src, []byte("\xff\xfe")), bytes.HasPrefix(src, []byte("\xfe\xff")):
		return "the file is UTF-16", "save it as UTF-8"
	case strings.Contains(e.Msg, strconv.QuoteRune(utf8.RuneError)):
		return "this is not UTF-8", "save the file as UTF-8"
	}
	return "", ""
}
