package api

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// evaluate runs a Tiltfile with this family alone.
func evaluate(t *testing.T, tiltfile string, prepare func(*Family)) (*kit.Run, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Tiltfile")
	if err := os.WriteFile(path, []byte(tiltfile), 0o600); err != nil {
		t.Fatal(err)
	}
	run := kit.NewRun(t.Context(), kit.Options{Path: path})
	prepare(New(run))
	_, err := run.Exec(path)
	return run, err
}

// kit compares the documentation with the arguments that the code takes.
func TestDocumented(t *testing.T) {
	t.Parallel()
	run := kit.NewRun(t.Context(), kit.Options{Path: "/Tiltfile"})
	New(run)
	docs, err := run.Docs()
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != len(table) {
		t.Errorf("%d builtins are documented, want %d", len(docs), len(table))
	}
	for _, d := range docs {
		for _, p := range d.Params {
			if p.Text == "" || p.Type == "" {
				t.Errorf("%s: nothing is said of %s", d.Name, p.Name)
			}
		}
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	var seen []string
	run, err := evaluate(t, `
v1alpha1.extension_repo('a', url='https://example.com')
v1alpha1.config_map('b')
v1alpha1.extension_repo('a', url='https://example.com')
v1alpha1.extension_repo('c', url='https://example.com')
`, func(f *Family) {
		f.OnObject("ExtensionRepo", func(c *kit.Call, o plan.APIObject) error {
			seen = append(seen, o.Name+" in "+filepath.Base(c.File())+" "+string(o.Spec))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`a in Tiltfile {"url":"https://example.com"}`, `c in Tiltfile {"url":"https://example.com"}`}
	if !slices.Equal(seen, want) {
		t.Errorf("the hook saw %q, want each object of its kind once: %q", seen, want)
	}
	if n := len(run.Plan.Objects); n != 3 {
		t.Errorf("the plan has %d objects, want 3", n)
	}
}

func TestHookRefuses(t *testing.T) {
	t.Parallel()
	run, err := evaluate(t, `v1alpha1.extension('a', repo_name='x')`, func(f *Family) {
		f.OnObject("Extension", func(*kit.Call, plan.APIObject) error { return errors.New("there is no repository x") })
	})
	if err == nil || !strings.Contains(err.Error(), "v1alpha1.extension: there is no repository x") {
		t.Errorf("got %v, want the error of the hook", err)
	}
	if len(run.Plan.Objects) != 0 {
		t.Error("the refused object is in the plan")
	}
}
