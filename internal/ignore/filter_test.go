package ignore_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/moby/patternmatcher"

	"github.com/envflow/envflow/internal/ignore"
	"github.com/envflow/envflow/internal/plan"
)

func filter(tb testing.TB, rules ...plan.Ignore) *ignore.Filter {
	tb.Helper()
	f, err := ignore.New(rules...)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func rule(patterns ...string) plan.Ignore {
	return plan.Ignore{Base: "/p", Patterns: patterns, Source: "/p/.dockerignore"}
}

func TestFilter_FollowsDockerignore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		patterns string // separated by blanks
		ignored  string
		kept     string
	}{
		{"node_modules", "/p/node_modules /p/node_modules/a/b", "/p/web/node_modules /p/node_modules2 /p /other/node_modules /pp/node_modules"},
		{"**/node_modules", "/p/node_modules/x /p/web/node_modules/x", "/p/node_modulesx"},
		{"/dist/", "/p/dist/a", "/p/web/dist"},
		{"*.md !README.md", "/p/a.md", "/p/README.md /p/docs/a.md"},
		{"!README.md *.md", "/p/README.md", ""},
		{"** !src", "/p/a /p/lib/x", "/p/src /p/src/deep/x"},
		{"** !src src/tmp", "/p/src/tmp/x", "/p/src/x"},
		{"docs !docs/keep docs/keep/not", "/p/docs /p/docs/a /p/docs/keep/not/x", "/p/docs/keep/x"},
		{"*/temp*", "/p/a/temporary /p/a/temp/x", "/p/temp /p/a/b/temp"},
		{"temp?", "/p/tempa", "/p/temp /p/tempab"},
		{"a/**/z", "/p/a/z /p/a/b/c/z/y", "/p/z"},
		{"**/*.go", "/p/a.go /p/a/b/c.go", "/p/a.god"},
		{"[ab].txt", "/p/a.txt", "/p/c.txt"},
		{"x/y !x", "", "/p/x/y"},
		{`a\*b`, "/p/a*b", "/p/axb"},
		{"!!x", "", "/p/x /p/!x"},
	} {
		f := filter(t, rule(strings.Fields(test.patterns)...))
		for _, path := range strings.Fields(test.ignored) {
			if !f.Ignores(path, false) || !f.Ignores(path, true) {
				t.Errorf("%q keeps %s", test.patterns, path)
			}
		}
		for _, path := range strings.Fields(test.kept) {
			if f.Ignores(path, false) || f.Ignores(path, true) {
				t.Errorf("%q ignores %s", test.patterns, path)
			}
		}
	}
}

func TestFilter_AnyListIgnores(t *testing.T) {
	t.Parallel()
	f := filter(t, rule("**", "!src"), plan.Ignore{Base: "/p/src", Patterns: []string{"gen", "!gen/keep"}, Source: "ignore"}, plan.Ignore{Base: "/"})
	for path, want := range map[string]bool{"/p/a": true, "/p/src/a": false, "/p/src/gen/a": true, "/p/src/gen/keep": false, "/q": false, "/": false} {
		if got := f.Ignores(path, false); got != want {
			t.Errorf("%s: ignored %v, want %v", path, got, want)
		}
	}
}

func TestFilter_SkipsDir(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ patterns, skipped, entered string }{
		{"node_modules", "/p/node_modules /p/node_modules/a", "/p /p/src /"},
		{"** !src/app", "/p/lib /p/src/lib", "/p/src /p/src/app /p/src/app/x"},
		{"** !src/*/main.go", "/p/lib /p/src/a/b", "/p/src /p/src/a"},
		{"** !**/main.go", "", "/p/lib /p/lib/x"},
		{"!docs docs", "/p/docs", ""},
		{"docs !docs", "", "/p/docs"},
	} {
		f := filter(t, rule(strings.Fields(test.patterns)...))
		for _, path := range strings.Fields(test.skipped) {
			if !f.SkipsDir(path) {
				t.Errorf("%q enters %s", test.patterns, path)
			}
		}
		for _, path := range strings.Fields(test.entered) {
			if f.SkipsDir(path) {
				t.Errorf("%q skips %s", test.patterns, path)
			}
		}
	}
}

func TestNew_NamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"a[", "!", "x/[]a"} {
		_, err := ignore.New(rule("ok", bad))
		if err == nil || !strings.Contains(err.Error(), "/p/.dockerignore") || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
	if _, err := ignore.New(plan.Ignore{Base: "rel", Source: "here"}); err == nil || !strings.Contains(err.Error(), "here") {
		t.Errorf("a relative base: error %v", err)
	}
}

func TestFilter_NilIgnoresNothing(t *testing.T) {
	t.Parallel()
	var f *ignore.Filter
	if f.Ignores("/a", false) || f.SkipsDir("/a") {
		t.Error("the nil filter ignores")
	}
}

func TestEditorFiles(t *testing.T) {
	t.Parallel()
	f := filter(t, ignore.EditorFiles("/p"))
	for _, path := range strings.Fields("/p/main.go~ /p/a/.main.go.swp /p/4913 /p/.#x /p/#x# /p/.idea/workspace.xml /p/x.go___jb_tmp___") {
		if !f.Ignores(path, false) {
			t.Errorf("keeps %s", path)
		}
	}
	for _, path := range strings.Fields("/p/main.go /p/a.swp /p/#x /p/.ideas /p/49130") {
		if f.Ignores(path, false) {
			t.Errorf("ignores %s", path)
		}
	}
}

// FuzzFilter compares with patternmatcher, and SkipsDir with what Ignores says of paths below.
func FuzzFilter(f *testing.F) {
	for _, seed := range [][3]string{
		{"**\n!a/b", "a/b/c", "d"},
		{"*.go\n!x.go", "x.go", "y"},
		{"**/*~\n.*.swp", "a/.x.swp", "q"},
		{"a/**\n!a/*/c", "a/b", "c"},
		{"x/y\n!x", "x/y", "z"},
		{"**/**", "a", "b"},
		{"a*b*c", "abc", "abbc"},
		{"***", "a/b", "c"},
		{"!a\n!!b", "b", "!b"},
		{".", "a", "."},
		{"..", "a", "b"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, patterns, path, below string) {
		for part := range strings.SplitSeq(path+"/"+below, "/") {
			if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\x00\\") {
				t.Skip("no clean path")
			}
		}
		if !utf8.ValidString(patterns + path + below) {
			t.Skip("the matcher takes all wrong bytes for the same character")
		}
		var lines []string
		for line := range strings.SplitSeq(patterns, "\n") {
			line = strings.TrimSpace(line)
			if strings.Contains(line, "!!") || strings.ContainsAny(line, "\x00") {
				t.Skip("differently read on purpose")
			}
			rest, ok := strings.CutPrefix(line, "!")
			if ok && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ".") || strings.TrimSpace(rest) != rest) || strings.HasPrefix(line, "/") {
				t.Skip("cleaned by the reader of .dockerignore, not by the matcher")
			}
			lines = append(lines, line)
		}
		filter, err := ignore.New(plan.Ignore{Base: "/p", Patterns: lines})
		if err != nil {
			return
		}
		for _, rel := range []string{path, path + "/" + below} {
			want, err := patternmatcher.MatchesOrParentMatches(rel, lines)
			if err != nil {
				return
			}
			if got := filter.Ignores("/p/"+rel, false); got != want {
				t.Errorf("%q: %s ignored %v, want %v", lines, rel, got, want)
			}
		}
		if filter.SkipsDir("/p/"+path) && !filter.Ignores("/p/"+path+"/"+below, false) {
			t.Errorf("%q: %s is skipped, but %s below is not ignored", lines, path, below)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	f := filter(b, rule(".git", "node_modules", "**/*.md", "!README.md"), rule("**", "!src", "!go.mod"), ignore.EditorFiles("/p"))
	paths := make([]string, 5000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/p/src/service%d/package/file%d.go", i%50, i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if f.Ignores(paths[i%len(paths)], false) {
			b.Fatal("ignored")
		}
	}
}
