package files

import (
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
)

// bigInts keeps the digits of ints that the YAML library would make floats of: it writes a word in their place, which becomes the
// digits in the text.
type bigInts struct {
	word  string   // begins all words, and is in no other text
	pairs []string // a word, its digits
}

func newBigInts() *bigInts { return &bigInts{word: "int-" + rand.Text() + "-"} }

// hide returns what fromStarlark returned, with words for the ints.
func (b *bigInts) hide(v any) any {
	switch v := v.(type) {
	case json.Number:
		_, errSigned := strconv.ParseInt(v.String(), 10, 64)
		_, errUnsigned := strconv.ParseUint(v.String(), 10, 64)
		if errSigned != nil && errUnsigned != nil {
			word := b.word + strconv.Itoa(len(b.pairs)) + "-"
			b.pairs = append(b.pairs, word, v.String())
			return word
		}
	case []any:
		for i := range v {
			v[i] = b.hide(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = b.hide(v[key])
		}
	}
	return v
}

// show puts the digits into the text.
func (b *bigInts) show(text string) string { return strings.NewReplacer(b.pairs...).Replace(text) }
