package conventions

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// knownTogether are the versions that were compiled and run together with Go 1.26.8. They move as a set: a newer Temporal SDK or API does
// not compile with this server, and a newer server wants a newer Go. Whoever moves one moves this table in the same commit
// and says what was run. Modules that go.mod does not require yet are listed too, for the day they are.
var knownTogether = map[string]string{
	"go.temporal.io/server":                  "v1.31.2",
	"go.temporal.io/sdk":                     "v1.42.0",
	"go.temporal.io/sdk/contrib/envconfig":   "v1.0.0",
	"go.temporal.io/api":                     "v1.62.8",
	"github.com/temporalio/ui-server/v2":     "v2.50.1",
	"helm.sh/helm/v3":                        "v3.21.4",
	"sigs.k8s.io/kustomize/api":              "v0.21.1",
	"sigs.k8s.io/kind":                       "v0.33.0",
	"github.com/docker/docker":               "v28.5.2+incompatible", // negotiates down to engine 20.10
	"github.com/docker/cli":                  "v28.5.2+incompatible",
	"github.com/docker/compose/v2":           "v2.40.3",
	"github.com/moby/buildkit":               "v0.25.1",
	"github.com/google/go-containerregistry": "v0.20.6",
	"github.com/hashicorp/yamux":             "v0.1.2",
}

// kubernetesVersion is that of every module which Kubernetes releases together; k8s.io/klog, utils, gengo and kube-openapi
// have versions of their own.
const kubernetesVersion = "v0.36.6"

var kubernetesModules = []string{
	"api", "apiextensions-apiserver", "apimachinery", "apiserver", "cli-runtime", "client-go", "code-generator",
	"component-base", "component-helpers", "cri-api", "cri-client", "kube-aggregator", "kubectl", "kubelet", "metrics", "streaming",
}

func TestDependencies_AreTheVersionsKnownToWorkTogether(t *testing.T) {
	want := map[string]string{}
	for name, version := range knownTogether {
		want[name] = version
	}
	for _, name := range kubernetesModules {
		want["k8s.io/"+name] = kubernetesVersion
	}

	out, err := goCommand("mod", "edit", "-json")
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct{ Path, Version string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, r := range mod.Require {
		version, ok := want[r.Path]
		if !ok {
			if err := unlisted(r.Path, r.Version); err != nil {
				t.Error(err)
			}
			continue
		}
		checked++
		if r.Version != version {
			t.Errorf("go.mod requires %s %s, known to work is %s", r.Path, r.Version, version)
		}
	}
	if checked == 0 {
		t.Error("go.mod requires none of the modules in the table: is it the product's go.mod?")
	}
	for _, r := range mod.Replace {
		t.Errorf("go.mod replaces %s by %s: `go install` of the product would not see that", r.Old.Path, r.New.Path)
	}
}

// unlisted objects to a module that by its name belongs to one of the families in the table, but is not in it: a new part of
// Kubernetes, or the next major version of a library beside the known one.
func unlisted(path, version string) error {
	if name, ok := strings.CutPrefix(path, "k8s.io/"); ok && strings.HasPrefix(version, "v0.") &&
		name != "utils" && name != "kube-openapi" && !strings.HasPrefix(name, "gengo") {
		return fmt.Errorf("go.mod requires %s %s: add %q to kubernetesModules or to the exceptions", path, version, name)
	}
	for known := range knownTogether {
		base, _, _ := strings.Cut(known, "/v")
		if strings.HasPrefix(path, base+"/v") && path != known {
			return fmt.Errorf("go.mod requires %s %s beside %s", path, version, known)
		}
	}
	return nil
}
