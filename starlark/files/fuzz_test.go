package files

import (
	"testing"

	gostarlark "go.starlark.net/starlark"
)

// FuzzDecode: what can be decoded can be encoded, and is the same text after a second time.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{`{"a": [1, 2.5, null, "x"], "b": {}}`, "a: 1\nb: [x, {c: 2}]", "1e400", "12345678901234567890", "- &a 1\n- *a", `"\u0000"`, "a: !!binary aGk=", "[[[[", "\"\\u0080\\u007f\\uffff\""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []struct {
			name   string
			decode func(string) (gostarlark.Value, error)
			encode func(gostarlark.Value) (string, error)
		}{{"JSON", decodeJSON, encodeJSON}, {"YAML", decodeYAML, encodeYAML}, {"YAML stream", decodeYAMLStream, encodeYAMLStream}} {
			v, err := format.decode(text)
			if err != nil {
				continue
			}
			encoded, err := format.encode(v)
			if err != nil {
				t.Fatalf("%s %q is %s, which cannot be encoded: %v", format.name, text, v, err)
			}
			again, err := format.decode(encoded)
			if err != nil {
				t.Fatalf("%s %q is encoded as %q, which cannot be decoded: %v", format.name, text, encoded, err)
			}
			// Values may differ: a float without a fraction is encoded as an int, as Kubernetes wants it. Their texts may not.
			if twice, err := format.encode(again); err != nil || twice != encoded {
				t.Fatalf("%s %q is encoded as %q, and decoded and encoded again %q, %v", format.name, text, encoded, twice, err)
			}
		}
	})
}
