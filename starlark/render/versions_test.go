package render_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"github.com/envflow/envflow/starlark/render"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	versions := func(path ...string) map[string]string {
		data, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			t.Fatal(err)
		}
		file, err := modfile.ParseLax("go.mod", data, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, r := range file.Require {
			all[r.Mod.Path] = r.Mod.Version
		}
		return all
	}
	ours, tools := versions("..", "..", "go.mod"), versions("..", "..", "dev", "tools", "go.mod")
	if got := ours["helm.sh/helm/v3"]; got != render.HelmVersion {
		t.Errorf("go.mod has helm %s, templates see %s", got, render.HelmVersion)
	}
	// client-go v0.36.6 is that of Kubernetes 1.36.
	if got := ours["k8s.io/client-go"]; !strings.HasPrefix(got, "v0."+render.KubeMinor+".") || render.KubeMajor != "1" {
		t.Errorf("go.mod has client-go %s, templates see Kubernetes %s.%s", got, render.KubeMajor, render.KubeMinor)
	}
	if got := tools["sigs.k8s.io/kustomize/kustomize/v5"]; got != render.KustomizeVersion {
		t.Errorf("dev/tools/go.mod has kustomize %s, labels say %s", got, render.KustomizeVersion)
	}
	for _, module := range []string{"helm.sh/helm/v3", "sigs.k8s.io/kustomize/api", "sigs.k8s.io/kustomize/kyaml"} {
		if ours[module] != tools[module] || ours[module] == "" {
			t.Errorf("%s is %q in go.mod and %q in dev/tools/go.mod: tests compare with the programs built there", module, ours[module], tools[module])
		}
	}
}
