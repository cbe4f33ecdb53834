package starlark_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.starlark.net/syntax"

	"github.com/envflow/envflow/starlark"
)

// TestBuiltins_AreThoseOfTilt holds the builtins against testdata/tilt.txt: names, arguments, their order, and which are needed.
// What envflow adds stands behind Tilt's arguments.
func TestBuiltins_AreThoseOfTilt(t *testing.T) {
	t.Parallel()
	docs := map[string]starlark.Doc{}
	for _, d := range builtins(t) {
		docs[d.Name] = d
	}
	count := 0
	for _, line := range lines(t, filepath.Join("testdata", "tilt.txt")) {
		count++
		name, list, callable := strings.Cut(strings.TrimSuffix(line, ")"), "(")
		d, ok := docs[name]
		if !ok {
			t.Errorf("envflow has no %s", name)
			continue
		}
		if d.Callable != callable {
			t.Errorf("%s can be called: %v, want %v", name, d.Callable, callable)
		}
		var got []string
		for _, p := range d.Params {
			if p.Optional {
				p.Name += "?"
			}
			got = append(got, p.Name)
		}
		want := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s takes %s, want %s", name, strings.Join(got, ", "), strings.Join(want, ", "))
		}
	}
	if count < 100 {
		t.Errorf("tilt.txt has %d names only", count)
	}
}

func TestBuiltins_HaveOneSentenceAsSummary(t *testing.T) {
	t.Parallel()
	sentence := regexp.MustCompile(`^[A-Z][^\n]*[^.]\.$`)
	for _, d := range builtins(t) {
		if s := d.Summary(); !sentence.MatchString(s) || len(s) > 140 {
			t.Errorf("%s: the summary %q is not one short sentence", d.Name, s)
		}
		first, _, _ := strings.Cut(d.Text, "\n\n")
		if strings.Join(strings.Fields(first), " ") != d.Summary() {
			t.Errorf("%s: its first paragraph has more than one sentence", d.Name)
		}
		for _, p := range append(slices.Clone(d.Params), d.Returns) {
			if p.Text == "" && p != d.Returns {
				t.Errorf("%s: nothing is said of %s", d.Name, p.Name)
			}
			if p.Type == "" && p.Text != "" {
				t.Errorf("%s: %s has no type", d.Name, p.Name)
			}
		}
	}
}

// TestBuiltins_ExamplesAreStarlark parses what stands between fences.
func TestBuiltins_ExamplesAreStarlark(t *testing.T) {
	t.Parallel()
	example := regexp.MustCompile("(?s)```python\n(.*?)```")
	count := 0
	for _, d := range builtins(t) {
		for _, found := range example.FindAllStringSubmatch(d.Text, -1) {
			count++
			dialect := &syntax.FileOptions{TopLevelControl: true}
			if _, err := dialect.Parse(d.Name, found[1], 0); err != nil {
				t.Errorf("an example of %s: %v", d.Name, err)
			}
		}
	}
	if count < 10 {
		t.Errorf("found %d examples only", count)
	}
}

// TestDocs compares docs/tiltfile.md with the builtins; UPDATE_DOCS=1 writes it.
func TestDocs(t *testing.T) {
	t.Parallel()
	families, err := starlark.Families(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(filepath.Join("testdata", "tiltfile_head.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := page(string(head), families)
	path := filepath.Join("..", "docs", "tiltfile.md")
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, []byte(want)) {
		t.Errorf("docs/tiltfile.md is not up to date: run UPDATE_DOCS=1 go test -run '^TestDocs$' ./starlark")
	}
	for _, missing := range deadLinks(want) {
		t.Errorf("docs/tiltfile.md: the link to %s leads nowhere", missing)
	}
}

// page renders the documentation of all families as one page.
func page(head string, families []starlark.Family) string {
	var contents, body strings.Builder
	for _, f := range families {
		if len(f.Builtins) == 0 {
			continue
		}
		var names []string
		fmt.Fprintf(&body, "## %s\n\n", f.Title)
		if f.Text != "" {
			body.WriteString(f.Text + "\n\n")
		}
		for _, d := range f.Builtins {
			names = append(names, fmt.Sprintf("[%s](#%s)", mask(d.Name), anchor(d.Name)))
			body.WriteString(section(d))
		}
		fmt.Fprintf(&contents, "- [%s](#%s): %s\n", f.Title, anchor(f.Title), strings.Join(names, ", "))
	}
	page := strings.Replace(head, "CONTENTS\n", contents.String(), 1) + "\n" + body.String()
	return strings.TrimRight(page, "\n") + "\n"
}

// section renders one builtin.
func section(d starlark.Doc) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", mask(d.Name))
	if d.Callable {
		fmt.Fprintf(&b, "```python\n%s\n```\n\n", d.Signature())
	}
	summary, rest, _ := strings.Cut(d.Text, "\n\n")
	b.WriteString(summary + "\n\n")
	if len(d.Params) > 0 {
		b.WriteString("| Argument | Type | Default | |\n| --- | --- | --- | --- |\n")
		for _, p := range d.Params {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.Name, p.Type, defaultOf(p), cell(p.Text))
		}
		b.WriteString("\n")
	}
	if d.Returns.Type != "" {
		fmt.Fprintf(&b, "Returns %s: %s.\n\n", d.Returns.Type, strings.ReplaceAll(d.Returns.Text, "\n", " "))
	}
	if rest != "" {
		b.WriteString(rest + "\n\n")
	}
	return b.String()
}

func defaultOf(p starlark.Param) string {
	switch {
	case p.Default != "":
		return "`" + p.Default + "`"
	case p.Optional:
		return "see text"
	case strings.HasPrefix(p.Name, "*"):
		return ""
	}
	return "needed"
}

// cell is text in a table, which has one line and no bars.
func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\n", " "), "|", `\|`)
}

// mask keeps Markdown from taking __name__ for bold.
func mask(name string) string { return strings.ReplaceAll(name, "__", `\_\_`) }

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '_', r == '-', r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, strings.ToLower(heading))
	return kept
}

var (
	headingLine = regexp.MustCompile(`(?m)^#+ (.*)$`)
	ownLink     = regexp.MustCompile(`\]\(#([^)]*)\)`)
)

func deadLinks(page string) []string {
	var anchors, dead []string
	for _, found := range headingLine.FindAllStringSubmatch(page, -1) {
		anchors = append(anchors, anchor(found[1]))
	}
	for _, found := range ownLink.FindAllStringSubmatch(page, -1) {
		if !slices.Contains(anchors, found[1]) {
			dead = append(dead, found[1])
		}
	}
	return dead
}

func builtins(t *testing.T) []starlark.Doc {
	t.Helper()
	docs, err := starlark.Builtins()
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// lines returns the lines of a file that are neither empty nor comments.
func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for scanner := bufio.NewScanner(bytes.NewReader(data)); scanner.Scan(); {
		if line := strings.TrimSpace(scanner.Text()); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}
