package worker

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/logstore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/testenv/gitrepo"
	"github.com/envflow/envflow/starlark"
)

// extensionOptions evaluate a Tiltfile that loads an extension.
func extensionOptions(t *testing.T) (EvaluateOptions, *gitrepo.Repo) {
	t.Helper()
	repo := gitrepo.New(t, map[string]string{"hello/Tiltfile": "def hi():\n    local_resource('hi', 'true')\n"})
	path := filepath.Join(t.TempDir(), "Tiltfile")
	if err := os.WriteFile(path, []byte("load('ext://hello', 'hi')\nhi()\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := append(gitrepo.Environ(map[string]string{"https://github.com/tilt-dev/tilt-extensions": repo.Dir}),
		"XDG_DATA_HOME="+t.TempDir(), "KUBECONFIG="+filepath.Join(t.TempDir(), "none"))
	return EvaluateOptions{Path: path, Subcommand: "up", Environ: environ, Heads: &starlark.Heads{}}, repo
}

func TestEvaluate_KeepsExtensionsInTheDataFolder(t *testing.T) {
	t.Parallel()
	o, repo := extensionOptions(t)
	e, err := Evaluate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := lookupIn(o.Environ)("XDG_DATA_HOME")
	found, err := filepath.Glob(filepath.Join(data, "envflow", "extensions", "tilt_modules", "*", repo.Git("rev-parse", "HEAD"), "hello", "Tiltfile"))
	if err != nil || len(found) != 1 || e.Plan.Resource("hi") == nil {
		t.Errorf("found %v, %v; the plan has %+v", found, err, e.Plan.Resources)
	}
	if _, err := os.Stat(starlark.LockPath(o.Path)); err == nil {
		t.Error("evaluating alone has pinned it")
	}
}

// A kubeconfig that cannot be used hinders only those who ask for it.
func TestEvaluate_WithoutAUsableKubeconfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, config := filepath.Join(dir, "Tiltfile"), filepath.Join(dir, "config")
	for file, text := range map[string]string{path: "print('[' + k8s_context() + ']')\nlocal_resource('a', 'true')\n", config: "no: [kubeconfig"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var output bytes.Buffer
	o := EvaluateOptions{Path: path, Subcommand: "up", Environ: []string{"KUBECONFIG=" + config}, Output: &output}
	if _, err := Evaluate(t.Context(), o); err != nil || output.String() != "[]\n" {
		t.Errorf("%v, printed %q", err, output.String())
	}
	o.Context = "prod"
	if _, err := Evaluate(t.Context(), o); err == nil || !strings.Contains(err.Error(), config) {
		t.Errorf("with a context: %v", err)
	}
}

func TestHost_PinsExtensions(t *testing.T) {
	t.Parallel()
	o, repo := extensionOptions(t)
	e, err := Evaluate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	log, err := logstore.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	h := &Host{o: HostOptions{Path: o.Path}, log: log}
	h.pinExtensions(e.Plan)
	first, err := os.ReadFile(starlark.LockPath(o.Path))
	if err != nil || !strings.Contains(string(first), repo.Git("rev-parse", "HEAD")) {
		t.Fatalf("%v:\n%s", err, first)
	}
	h.pinExtensions(e.Plan)
	h.pinExtensions(&plan.Plan{})
	if again, err := os.ReadFile(starlark.LockPath(o.Path)); err != nil || !bytes.Equal(first, again) {
		t.Errorf("%v:\n%s", err, again)
	}
}
