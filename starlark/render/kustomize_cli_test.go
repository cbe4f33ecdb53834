package render_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/starlark/render"
)

func TestKustomize_PrintsWhatKustomizeBuildPrints(t *testing.T) {
	t.Parallel()
	kustomize := program(t, "kustomize")
	for _, name := range []string{"base", "base/more", "overlay", "ordered", "configured", "deprecated"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join("testdata", "kustomizations", name)
			want, complaint := output(t, kustomize, "build", dir)
			if complaint != "" {
				t.Fatalf("kustomize itself: %s", complaint)
			}
			got, err := render.KustomizeBuild(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("kustomize (-) and the builtin (+) differ:\n%s", diff)
			}
		})
	}
}

func TestKustomize_FailsWhereKustomizeBuildFails(t *testing.T) {
	t.Parallel()
	kustomize := program(t, "kustomize")
	dirs, err := filepath.Glob("testdata/kustomizations/failing/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("find kustomizations: %v, %d", err, len(dirs))
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			out, complaint := output(t, kustomize, "build", dir)
			if complaint == "" {
				t.Fatalf("kustomize itself is content: %s", out)
			}
			_, err := render.KustomizeBuild(t, dir)
			if err == nil {
				t.Fatalf("no error, kustomize says: %s", complaint)
			}
			_, complaint, _ = strings.Cut(complaint, "Error: ")
			if got, want := strings.TrimSpace(err.Error()), strings.TrimSpace(complaint); got != want {
				t.Errorf("got %s, kustomize says %s", got, want)
			}
		})
	}
}

// TestKustomize_SaysThatGitIsMissing runs alone, because kustomize looks into the PATH of the process.
func TestKustomize_SaysThatGitIsMissing(t *testing.T) {
	p := newProject(t, "kustomize('k')\n")
	p.write("k/kustomization.yaml", "resources: [\"git@example.com:org/repo//deploy?ref=main\"]\n")
	t.Setenv("PATH", p.path("bin"))
	_, err := p.try()
	if err == nil || !strings.Contains(err.Error(), "hint: what comes from a repository needs the program git") {
		t.Errorf("got %v", err)
	}
}
