package kit

import (
	"slices"
	"testing"
)

func TestSplitYAML(t *testing.T) {
	t.Parallel()
	got := SplitYAML("# head\n---\na: 1\n--- # comment\n\n---\n%YAML 1.2\n---\nb: |\n  ---\n  x\n...\n--- {c: 1}\n---not: a separator\n")
	want := []YAMLDocument{
		{Line: 2, Text: "---\na: 1\n"},
		{Line: 8, Text: "---\nb: |\n  ---\n  x\n...\n"},
		{Line: 13, Text: "--- {c: 1}\n---not: a separator\n"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	got = SplitYAML("...\na: |\n  ...\n... # end\n# more\nb: 2\r\n...\r\n...\n%YAML 1.2\n---\nc: ...\n...not: an end\n")
	want = []YAMLDocument{
		{Line: 2, Text: "a: |\n  ...\n... # end\n"},
		{Line: 5, Text: "# more\nb: 2\r\n...\r\n"},
		{Line: 10, Text: "---\nc: ...\n...not: an end\n"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	for _, text := range []string{"---\n# only this\n", "", "\n---", "--- \t\r\n... # end\n---\r\n", "%YAML 1.2\n"} {
		if got := SplitYAML(text); len(got) != 0 {
			t.Errorf("%q: got %+v", text, got)
		}
	}
	if got, want := SplitYAML("%YAML 1.2\na: 1\n"), []YAMLDocument{{Line: 2, Text: "a: 1\n"}}; !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestClosest(t *testing.T) {
	t.Parallel()
	candidates := []string{"frontend", "backend", "db", "s", "struct", "None", "deps", "serve_cmd", "trigger_mode"}
	for name, want := range map[string]string{
		"fronted": "frontend", "Backend": "backend", "dbb": "db", "queue": "", "dep": "deps", "serve_cmb": "serve_cmd", "tigger_mode": "trigger_mode",
		"fornetnd": "frontend", "DB": "db", "none": "None", // a swap is one mistake
		"q": "", "S": "", "": "", "ss": "", "bd": "", "nope": "", "servce": "",
	} {
		if got := Closest(name, candidates); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestStartOfCall(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line         string
		column, want int
	}{
		{"docker_build('a')", 13, 1},
		{"\tx = os.path.join('a')", 18, 6},
		{"ä = f()", 6, 5},
		{"(1)", 1, 1},
		{"a + b", 3, 3},
		{"", 7, 7},
	} {
		if got := startOfCall(test.line, test.column); got != test.want {
			t.Errorf("%q at %d: got %d, want %d", test.line, test.column, got, test.want)
		}
	}
}
