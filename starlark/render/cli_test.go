package render_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/envflow/envflow/starlark/render"
)

// programs is where the helm and kustomize of dev/tools are built, once for all tests.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "envflow-render-")
	if err != nil {
		panic(err)
	}
	programs = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

var (
	buildHelm = sync.OnceValue(func() error {
		// As the Makefile of helm links what is released.
		const chartutil = " -X helm.sh/helm/v3/pkg/chartutil."
		flags := "-X helm.sh/helm/v3/internal/version.version=" + render.HelmVersion +
			chartutil + "k8sVersionMajor=" + render.KubeMajor + chartutil + "k8sVersionMinor=" + render.KubeMinor
		return goBuild("helm", "helm.sh/helm/v3/cmd/helm", flags)
	})
	buildKustomize = sync.OnceValue(func() error { return goBuild("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "") })
)

func goBuild(name, pkg, ldflags string) error {
	modfile := filepath.Join("..", "..", "dev", "tools", "go.mod")
	cmd := exec.Command("go", "build", "-modfile="+modfile, "-ldflags="+ldflags, "-o", filepath.Join(programs, name), pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as everything else is built, whatever these tests are built with
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(name + " does not build: " + err.Error() + "\n" + string(out))
	}
	return nil
}

// program returns the path of helm or kustomize. It takes minutes to compile them for the first time.
func program(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes long to build the program " + name)
	}
	build := buildHelm
	if name == "kustomize" {
		build = buildKustomize
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(programs, name)
}

// output runs a program and returns what it printed, or what it complained of.
func output(t *testing.T, argv ...string) (stdout, complaint string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	home := t.TempDir()
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return "", strings.TrimSpace(stderr.String())
	case err != nil:
		t.Fatal(err)
	}
	return out.String(), ""
}
