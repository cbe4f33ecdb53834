package starlark_test

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/testenv/gitrepo"
	"github.com/envflow/envflow/starlark"
	"github.com/envflow/envflow/starlark/kit"
)

// ownExtensions are extensions of ours that work as those of the same names in the default repository.
const ownExtensions = "testdata/extensions"

// checkout is the folder of extensions to test: a checkout that EXT names, or our own.
func checkout(t *testing.T) string {
	t.Helper()
	dir := cmp.Or(os.Getenv("EXT"), ownExtensions)
	if own, err := filepath.Abs(ownExtensions); err == nil && dir == own {
		dir = ownExtensions
	}
	if !kit.IsDir(dir) {
		t.Fatalf("EXT=%s is no folder", dir)
	}
	return dir
}

// Outcomes of an extension, from bad to good.
const (
	outcomeFails   = "fails"
	outcomeFile    = "needs-file" // that a checkout should have: of a test, mostly
	outcomeBinary  = "needs-binary"
	outcomeNetwork = "needs-network"
	outcomeCluster = "needs-cluster"
	outcomeLoads   = "loads"
	outcomePlan    = "plan"
)

// TestExtensions_OfACheckout loads each extension of a checkout, and evaluates its test or example, if it has one. It reaches
// neither network nor cluster. `make test-extensions EXT=DIR` shows the report, which is all that it is for with extensions of
// others; ours have to load.
func TestExtensions_OfACheckout(t *testing.T) {
	t.Parallel()
	repo := gitrepo.FromFolder(t, checkout(t))
	// Examples lie in the repository itself, and some look for the folder that extensions are kept in.
	if err := os.Mkdir(filepath.Join(repo.Dir, "tilt_modules"), 0o700); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	fails := t.Errorf
	if checkout(t) != ownExtensions {
		fails = func(string, ...any) {}
	}
	count := map[string]int{}
	tested, planned := 0, 0
	var report strings.Builder
	names := extensionNames(t, repo.Dir)
	for _, name := range names {
		p := newProject(t, "load_dynamic('ext://"+name+"')\n")
		outcome, why := p.tryExtension(repo.Dir, data)
		if outcome == "" {
			outcome = outcomeLoads
		}
		if example := exampleOf(repo.Dir, name); example != "" && outcome == outcomeLoads {
			tested++
			p.opts.Path = filepath.Join(repo.Dir, filepath.FromSlash(example))
			if worse, why := p.tryExtension(repo.Dir, data); worse != "" {
				fmt.Fprintf(&report, "%-28s loads; %s: %s %s\n", name, example, worse, why)
				if worse == outcomeFails {
					fails("%s: %s", example, why)
				}
				count[outcome]++
				continue
			}
			planned++
			outcome = outcomePlan
		}
		if outcome == outcomeFails {
			fails("%s: %s", name, why)
		}
		count[outcome]++
		fmt.Fprintf(&report, "%-28s %s\n", name, strings.TrimSpace(outcome+" "+why))
	}
	loaded := count[outcomeLoads] + count[outcomePlan]
	fmt.Fprintf(&report, "\n%d extensions: %s load\n%d with a test or an example: %s make a plan\n", len(names), share(loaded, len(names)), tested, share(planned, tested))
	for _, outcome := range []string{outcomeFile, outcomeBinary, outcomeNetwork, outcomeCluster, outcomeFails} {
		if count[outcome] > 0 {
			fmt.Fprintf(&report, "%s: %s\n", outcome, share(count[outcome], len(names)))
		}
	}
	t.Logf("extensions of %s:\n%s", checkout(t), report.String())
}

func share(n, of int) string {
	return fmt.Sprintf("%d (%d%%)", n, 100*n/max(1, of))
}

// extensionNames are the folders that have a Tiltfile, without those of tests and examples.
func extensionNames(t *testing.T, dir string) []string {
	t.Helper()
	names := map[string]bool{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(file string, entry fs.DirEntry, err error) error {
		base := path.Base(file)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (base == ".git" || base == "test" || base == "tests" && file != "tests" || strings.HasPrefix(base, "example")):
			return fs.SkipDir
		case base == "Tiltfile" && file != "Tiltfile":
			names[path.Dir(file)] = true
		}
		return nil
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("find extensions in %s: %v, %d of them", dir, err, len(names))
	}
	return slices.Sorted(maps.Keys(names))
}

// exampleOf is a Tiltfile that uses the extension, "" if there is none.
func exampleOf(dir, name string) string {
	for _, pattern := range []string{"test/Tiltfile", "example/Tiltfile", "examples/*/Tiltfile"} {
		found, err := fs.Glob(os.DirFS(dir), path.Join(name, pattern))
		if err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

var (
	wantsNetwork = regexp.MustCompile(`127\.0\.0\.1(:| port )9\b|[Cc]ould not resolve|transport '\w+' not allowed|git cannot fetch`)
	// What extensions say when they look for a program themselves, and what is said of a test, which is no extension.
	wantsBinary  = regexp.MustCompile(`(?i)no local (\w+) executable found|(\w+) cli not installed|exec: "([^"]+)": executable file not found`)
	wantsFile    = regexp.MustCompile(`there is no (?:file|Dockerfile|folder) (\S+)|(?:reading|open) (\S+): no such file`)
	keptIn       = regexp.MustCompile(`\S*/tilt_modules/[^/]+/[0-9a-f]{40}/`)
	wantsCluster = regexp.MustCompile(`connection to the server|localhost:8080|current-context|no configuration has been provided`)
)

// tryExtension evaluates without network and cluster, and says what is wrong; "" if nothing is.
func (p *project) tryExtension(dir, data string) (outcome, why string) {
	p.t.Helper()
	p.opts.DataDir = data
	p.opts.Environ = append(gitrepo.Environ(map[string]string{defaultExtensions: dir}),
		"HOME="+p.t.TempDir(), "KUBECONFIG="+filepath.Join(p.dir, "kubeconfig"), // which is not there
		"http_proxy=http://127.0.0.1:9", "https_proxy=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9", "HTTPS_PROXY=http://127.0.0.1:9")
	_, err := starlark.Evaluate(p.t.Context(), p.opts)
	if err == nil {
		return "", ""
	}
	if missing, ok := errors.AsType[*kit.MissingProgramError](err); ok {
		return outcomeBinary, missing.Program
	}
	e, ok := errors.AsType[*starlark.Error](err)
	if !ok {
		return outcomeFails, err.Error()
	}
	line, _, _ := strings.Cut(keptIn.ReplaceAllString(strings.ReplaceAll(e.Error(), dir+"/", ""), ""), "\n")
	if found := wantsBinary.FindStringSubmatch(e.Message); found != nil {
		return outcomeBinary, strings.ToLower(strings.Join(found[1:], "")) // one of them matched
	}
	if found := wantsFile.FindStringSubmatch(e.Message); found != nil {
		return outcomeFile, strings.Join(found[1:], "")
	}
	switch {
	case wantsNetwork.MatchString(e.Message):
		return outcomeNetwork, ""
	case wantsCluster.MatchString(e.Message):
		return outcomeCluster, ""
	}
	return outcomeFails, strings.TrimPrefix(line, p.dir+"/")
}
