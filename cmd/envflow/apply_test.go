package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/plan"
)

func TestApply_HandsObjectsOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	to, file := filepath.Join(dir, "to"), filepath.Join(dir, "button.yaml")
	for path, text := range map[string]string{to: "", file: "kind: A\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"apply", "-f", "-"}, {"apply", "-f", file}} {
		e, stdout, stderr := testEnviron(args, plan.ApplyVariable+"="+to)
		e.Stdin = strings.NewReader("kind: B\n")
		if code := run(t.Context(), e); code != 0 {
			t.Fatalf("%v: %d, %s, %s", args, code, stdout, stderr)
		}
	}
	got, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("\n---\nkind: B\n\n---\nkind: A\n", string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestApply_NeedsATiltfile(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{"no evaluation": "", "one that has ended": filepath.Join(t.TempDir(), "none")} {
		if got := runCLI(t, []string{"apply", "-f", "-"}, plan.ApplyVariable+"="+env); got.Code != 1 || !strings.Contains(got.Stderr, "Tiltfile") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
