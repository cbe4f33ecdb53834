package kit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gostarlark "go.starlark.net/starlark"
)

func documentedRun(t *testing.T, texts ...string) *Run {
	t.Helper()
	run := NewRun(t.Context(), Options{Path: "/Tiltfile"})
	run.Builtin("add", func(c *Call) (gostarlark.Value, error) {
		var a, b Str
		return nil, c.Unpack("a", &a, "b??", &b)
	})
	run.Value("answer", gostarlark.MakeInt(42))
	for _, text := range texts {
		run.Document(text)
	}
	return run
}

func TestFamilies(t *testing.T) {
	t.Parallel()
	families, err := documentedRun(t, `# Numbers

They count.

## add

Adds two numbers. It is exact.

- `+"`a` (int)"+`: the first
  of two
- `+"`b` (int, `0`)"+`: the other
- returns (int): the sum

Numbers are whole.

## print

Prints.
`, "# Constants\n## answer\n\nThe answer.\n").Families()
	if err != nil {
		t.Fatal(err)
	}
	want := []Family{
		{
			Title: "Numbers", Text: "They count.", Builtins: []Doc{
				{
					Name: "add", Family: "Numbers", Callable: true, Text: "Adds two numbers. It is exact.\n\nNumbers are whole.",
					Params:  []Param{{Name: "a", Type: "int", Text: "the first\nof two"}, {Name: "b", Type: "int", Default: "0", Optional: true, Text: "the other"}},
					Returns: Param{Type: "int", Text: "the sum"},
				},
				{Name: "print", Family: "Numbers", Callable: true, ByPosition: true, Text: "Prints."},
			},
		},
		{Title: "Constants", Builtins: []Doc{{Name: "answer", Family: "Constants", Text: "The answer."}}},
	}
	if diff := cmp.Diff(want, families); diff != "" {
		t.Error(diff)
	}
	if got, want := families[0].Builtins[0].Signature(), "add(a, b=0)"; got != want {
		t.Errorf("signature %q, want %q", got, want)
	}
	if got, want := families[0].Builtins[0].Summary(), "Adds two numbers."; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
}

func TestFamilies_SayWhatIsWrong(t *testing.T) {
	t.Parallel()
	const answer = "\n## answer\n\nThe answer.\n"
	add := "\n## add\n\nAdds.\n\n- `a` (int): one\n- `b` (int, `0`): two\n"
	for name, test := range map[string]struct{ text, want string }{
		"no title":             {"## answer\n\nThe answer.\n", `begins with "## answer" has no title`},
		"not documented":       {"# Numbers\n" + answer, "the builtin add is not documented"},
		"twice":                {"# Numbers\n" + add + answer + answer, "answer is documented twice"},
		"no builtin":           {"# Numbers\n" + add + answer + "\n## subtract\n\nSubtracts.\n", "subtract is documented, and no builtin"},
		"nothing said":         {"# Numbers\n" + add + "\n## answer\n", "the documentation of answer says nothing"},
		"other arguments":      {"# Numbers\n" + answer + "\n## add\n\nAdds.\n\n- `a` (int): one\n", "add takes (a, b?), and is documented with (a)"},
		"needed, not optional": {"# Numbers\n" + answer + strings.Replace(add, ", `0`", "", 1), "add takes (a, b?), and is documented with (a, b)"},
		"wrong form":           {"# Numbers\n" + answer + "\n## add\n\nAdds.\n\n- returns: nothing\n", "is not of the form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := documentedRun(t, test.text).Families(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := documentedRun(t, "# Numbers\n"+add+answer).Docs(); err != nil {
		t.Errorf("the text that the others are made of: %v", err)
	}
}
