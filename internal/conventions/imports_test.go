package conventions

import (
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room is a folder and what its packages may import of our own, beside the room itself. The folder furthest down decides.
// Tests may import what they like.
type room struct {
	dir string
	may []string // folders, each with what is below it
}

// rooms is "Who may import whom" of docs/architecture.md. .golangci.yml says the same, for editors to show at once;
// TestLinter_AllowsWhatTheTableAllows keeps the two together.
var rooms = []room{
	{"cmd/envflow", []string{"worker", "dev", "internal"}},
	{"cmd/envflow-agent", []string{"intercept/agent", "intercept/tunnel", "internal/supervise", "internal/version"}},
	{"worker", []string{"workflows", "activities", "starlark", "intercept", "internal"}},
	{"workflows", []string{"activities", "internal/plan", "internal/api", "internal/failure"}},
	{"activities", []string{"starlark", "intercept", "internal"}},
	{"starlark", []string{"internal/plan"}},
	{"intercept", []string{"internal"}},
	{"intercept/agent", []string{"intercept/tunnel", "internal/version"}},
	{"intercept/tunnel", nil},
	{"dev", []string{"internal"}},
	{"internal", nil},
	{"internal/api", []string{"internal/plan"}},
	{"internal/failure", nil},
	{"internal/plan", nil},
	{"internal/supervise", nil},
	{"internal/version", nil},
}

// notBegun are the rooms without a package. Whoever begins one takes it off this list and writes its rule in .golangci.yml.
var notBegun = []string{
	"intercept/agent",
	"intercept/tunnel",
}

// ban says what the packages of a folder may not import.
type ban struct {
	dir    string
	direct bool     // else also through others, on the system the test runs on
	bans   []string // an import path, or all below one where it ends in /...
	why    string
}

var bans = []ban{
	{"workflows", true, []string{"os", "net", "net/http", "os/exec", "math/rand", "math/rand/v2", "crypto/rand"}, "workflow code is deterministic"},
	{"workflows", false, []string{"k8s.io/client-go/...", "github.com/docker/...", "helm.sh/...", "go.starlark.net/...", "go.temporal.io/server/..."}, "workflows decide, activities act"},
	{"activities", true, []string{"k8s.io/client-go/...", "github.com/docker/docker/..."}, "activities depend on small interfaces"},
	{"starlark", true, []string{"k8s.io/client-go/rest/...", "k8s.io/client-go/kubernetes/...", "k8s.io/client-go/dynamic/...", "k8s.io/client-go/discovery/...", "k8s.io/client-go/tools/..."}, "a Tiltfile is evaluated without a cluster; helm's templates could ask one, and carry the client"},
	{"starlark", false, []string{"helm.sh/helm/v3/pkg/action", "github.com/docker/docker/...", "go.temporal.io/..."}, "a Tiltfile is evaluated without a cluster, an engine or Temporal"},
	{"cmd/envflow", false, []string{module + "/internal/testenv/..."}, "the product does not carry its tests"},
	{"dev/testbed", false, []string{"k8s.io/...", "sigs.k8s.io/...", "go.temporal.io/..."}, "the testbed starts on a bare machine before anything heavy was compiled"},
	{"cmd/envflow-agent", false, []string{"k8s.io/client-go/...", "go.temporal.io/...", "github.com/docker/..."}, "the agent is small"},
	{"intercept/agent", false, []string{"k8s.io/client-go/...", "go.temporal.io/...", "github.com/docker/..."}, "the agent is small"},
	{"intercept/tunnel", false, []string{"k8s.io/client-go/...", "go.temporal.io/...", "github.com/docker/..."}, "the agent is small"},
	{"internal/supervise", false, []string{"k8s.io/client-go/...", "go.temporal.io/...", "github.com/docker/..."}, "the agent is small"},
	{"internal/api", false, []string{"k8s.io/client-go/...", "github.com/docker/...", "go.temporal.io/server/..."}, "messages are plain data"},
}

// matches reports whether the pattern of a ban means the import path.
func matches(pattern, imp string) bool {
	if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
		return under(imp, dir)
	}
	return imp == pattern
}

func TestImports_FollowTheRooms(t *testing.T) {
	begun := map[string]bool{}
	for _, f := range productFiles(t) {
		if isTest(f) {
			continue
		}
		dir := path.Dir(f)
		r, ok := roomOf(dir)
		if !ok {
			t.Errorf("%s is in no room of the table", f)
			continue
		}
		for _, each := range rooms {
			if under(dir, each.dir) {
				begun[each.dir] = true
			}
		}
		for _, imp := range imports(t, f) {
			own, ok := strings.CutPrefix(imp, module+"/")
			if !ok || allowed(r, own) {
				continue
			}
			t.Errorf("%s imports %s; packages in %s may import %s of ours", f, own, r.dir, strings.Join(append([]string{r.dir}, r.may...), ", "))
		}
	}
	for _, r := range rooms {
		switch listed := slices.Contains(notBegun, r.dir); {
		case !begun[r.dir] && !listed:
			t.Errorf("room %s has no package: its rule checks nothing", r.dir)
		case begun[r.dir] && listed:
			t.Errorf("room %s has a package: take it off notBegun and write its depguard rule", r.dir)
		}
	}
	for _, dir := range notBegun {
		if !slices.ContainsFunc(rooms, func(r room) bool { return r.dir == dir }) {
			t.Errorf("notBegun names %s, which is no room", dir)
		}
	}
}

func TestImports_AvoidWhatIsBanned(t *testing.T) {
	for _, b := range bans {
		if slices.Contains(notBegun, b.dir) {
			continue // TestImports_FollowTheRooms sees to it that this is true
		}
		matched := false
		check := func(who string, imports []string) {
			var found []string
			for _, imp := range imports {
				if slices.ContainsFunc(b.bans, func(pattern string) bool { return matches(pattern, imp) }) {
					found = append(found, imp)
				}
			}
			if len(found) > 0 {
				t.Errorf("%s imports %s (of %d that are banned): %s", who, found[0], len(found), b.why)
			}
		}
		if b.direct {
			for _, f := range productFiles(t) {
				if isTest(f) || !under(path.Dir(f), b.dir) {
					continue
				}
				matched = true
				check(f, imports(t, f))
			}
		} else {
			for _, p := range packages(t) {
				if !under(p.ImportPath, module+"/"+b.dir) {
					continue
				}
				matched = true
				if p.Error != nil || len(p.DepsErrors) > 0 {
					t.Errorf("go list does not know all that %s imports: %v %v", p.ImportPath, p.Error, p.DepsErrors)
				}
				check(p.ImportPath, p.Deps)
			}
		}
		if !matched {
			t.Errorf("a ban for %s matches no package", b.dir)
		}
	}
}

// imports returns the import paths in a file, whatever system it is for.
func imports(t *testing.T, f string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, f), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, spec := range parsed.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, imp)
	}
	return list
}

// roomOf returns the room furthest down that dir is in.
func roomOf(dir string) (room, bool) {
	var found room
	for _, r := range rooms {
		if under(dir, r.dir) && len(r.dir) > len(found.dir) {
			found = r
		}
	}
	return found, found.dir != ""
}

// allowed reports whether a package in r may import the package in folder dir. A room's own packages may import each other.
func allowed(r room, dir string) bool {
	return under(dir, r.dir) || slices.ContainsFunc(r.may, func(may string) bool { return under(dir, may) })
}

// under reports whether p is the path dir or below it.
func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
