package conventions

import (
	"bytes"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A file that is longer has two subjects.
const (
	maxLines     = 600
	maxTestLines = 800
)

func TestFiles_AreNotTooLong(t *testing.T) {
	for _, f := range goFiles(t) {
		limit := maxLines
		if isTest(f) {
			limit = maxTestLines
		}
		if lines := bytes.Count(read(t, f), []byte("\n")); lines > limit {
			t.Errorf("%s has %d lines, the limit is %d: split it by subject", f, lines, limit)
		}
	}
}

var (
	reminder   = regexp.MustCompile(`\b(TODO|FIXME)\b`)
	tiedToWork = regexp.MustCompile(`\b(TODO|FIXME)\([a-z0-9-]+\): .*#[0-9]+`)
)

// A reminder without an issue is one that nobody will look for.
func TestFiles_TieEachReminderToAnIssue(t *testing.T) {
	check := func(f, comment string) {
		for line := range strings.Lines(comment) {
			if reminder.MatchString(line) && !tiedToWork.MatchString(line) {
				t.Errorf("%s: %q: write who it is for and the issue, as in (name): what to do, #12", f, strings.TrimSpace(line))
			}
		}
	}
	for _, f := range allFiles() {
		switch base := path.Base(f); {
		case strings.HasSuffix(base, ".go"):
			for _, group := range parse(t, f).Comments {
				for _, c := range group.List { // not group.Text, which drops directives
					check(f, c.Text)
				}
			}
		case strings.HasSuffix(base, ".sh"), strings.HasSuffix(base, ".yml"), strings.HasSuffix(base, ".yaml"), strings.HasSuffix(base, ".py"),
			base == "Makefile", base == "Tiltfile", base == "Dockerfile", f == ".ci/run":
			for line := range strings.Lines(string(read(t, f))) {
				if _, comment, ok := strings.Cut(line, "#"); ok {
					check(f, "#"+comment)
				}
			}
		}
	}
}

// The hosts are put together here so that this file does not name them either.
var registryHosts = func() *regexp.Regexp {
	host := func(labels ...string) string { return strings.Join(labels, `\.`) }
	return regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
		host("(proxy|sum|index)", "golang", "org"),
		host("(deb|security|snapshot|archive|httpredir|ftp|ftp[.][a-z]+)", "debian", "org"),
		host("registry", "(npmjs", "org|yarnpkg", "com)"),
	}, "|") + `)\b`)
}()

// Which registry or mirror a machine uses is the machine's configuration. A host named in the repository works at its
// author's desk and nowhere behind a mirror.
func TestFiles_NameNoRegistry(t *testing.T) {
	for _, f := range allFiles() {
		if host := registryHosts.Find(read(t, f)); host != nil {
			t.Errorf("%s names %s: leave the registry to the machine's configuration", f, host)
		}
	}
}

func TestFiles_RegistryPatternKnowsTheHosts(t *testing.T) {
	for _, parts := range [][]string{
		{"https://proxy", "golang", "org/x"},
		{"sum", "golang", "org"},
		{"http://deb", "debian", "org/debian"},
		{"ftp", "de", "debian", "org"},
		{"https://registry", "npmjs", "org/"},
	} {
		if name := strings.Join(parts, "."); !registryHosts.MatchString(name) {
			t.Errorf("the pattern does not match %s", name)
		}
	}
	for _, name := range []string{"golang.org/x/sys", "www.debian.org", "www.npmjs.com", "proxyXgolang.org"} {
		if registryHosts.MatchString(name) {
			t.Errorf("the pattern matches %s", name)
		}
	}
}

// portableSyscall are the names of package syscall that exist and mean the same on every system envflow is built for.
var portableSyscall = regexp.MustCompile(`^(Errno|Signal|SIG(ABRT|ALRM|BUS|FPE|HUP|ILL|INT|KILL|PIPE|QUIT|SEGV|TERM|TRAP)|E[A-Z0-9]+)$`)

// unportable are packages that exist, or mean something, on some systems only.
var unportable = []string{"golang.org/x/sys/unix", "golang.org/x/sys/windows", "golang.org/x/sys/windows/registry", "golang.org/x/sys/windows/svc"}

// A call that one system does not have breaks the build there, which nobody notices who works on another.
func TestFiles_KeepSystemSpecificCodeApart(t *testing.T) {
	for _, f := range goFiles(t) {
		if constrained(t, f) {
			continue
		}
		imported := imports(t, f)
		for _, imp := range imported {
			if slices.Contains(unportable, imp) {
				t.Errorf("%s imports %s: move that to a file for the system, named _linux, _darwin or _windows, or _unix with //go:build unix", f, imp)
			}
		}
		if !slices.Contains(imported, "syscall") {
			continue
		}
		ast.Inspect(parse(t, f), func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "syscall" && !portableSyscall.MatchString(sel.Sel.Name) {
				t.Errorf("%s uses syscall.%s: move that to a file for the system, named _linux, _darwin or _windows, or _unix with //go:build unix", f, sel.Sel.Name)
			}
			return true
		})
	}
}

// constrained reports whether the file is built on some systems only. The suffix _unix alone means nothing to Go.
func constrained(t *testing.T, f string) bool {
	t.Helper()
	name := strings.TrimSuffix(strings.TrimSuffix(path.Base(f), ".go"), "_test")
	for _, system := range []string{"linux", "darwin", "windows"} {
		if strings.HasSuffix(name, "_"+system) {
			return true
		}
	}
	for line := range strings.Lines(string(read(t, f))) {
		line = strings.TrimSpace(line)
		if constraint.IsGoBuild(line) {
			return true
		}
		if strings.HasPrefix(line, "package ") {
			return false
		}
	}
	return false
}

// A reader finds out what a package is, is not, and who may import it in one place.
func TestPackages_SayWhatTheyAre(t *testing.T) {
	byDir := map[string][]string{}
	for _, f := range goFiles(t) {
		if !isTest(f) && !slices.Contains(strings.Split(f, "/"), "testdata") {
			byDir[path.Dir(f)] = append(byDir[path.Dir(f)], f)
		}
	}
	for dir, list := range byDir {
		var commented []string
		for _, f := range list {
			parsed := parse(t, f)
			if parsed.Doc == nil || strings.TrimSpace(parsed.Doc.Text()) == "" { // a directive alone is no comment
				continue
			}
			commented = append(commented, f)
			want := "Package " + parsed.Name.Name + " "
			if parsed.Name.Name == "main" {
				want = "Command " + path.Base(dir) + " "
			}
			if !strings.HasPrefix(parsed.Doc.Text(), want) {
				t.Errorf("%s: the package comment has to begin with %q", f, want)
			}
			if base := path.Base(f); !only(t, f, list) && base != "doc.go" && base != "main.go" && base != parsed.Name.Name+".go" {
				t.Errorf("%s: the package comment belongs in doc.go, main.go or %s.go, where one looks for it", f, parsed.Name.Name)
			}
		}
		if len(commented) != 1 {
			t.Errorf("package %s needs exactly one package comment, has %d %v", dir, len(commented), commented)
		}
	}
}

// only reports whether f is the one file of the list that is built on every system, and so the package's main file.
func only(t *testing.T, f string, list []string) bool {
	t.Helper()
	return !slices.ContainsFunc(list, func(other string) bool { return other != f && !constrained(t, other) })
}

// parse returns the syntax of a file with its comments, whatever system it is for.
func parse(t *testing.T, f string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, f), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
