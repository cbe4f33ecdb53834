package kube_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/kube"
)

const twoContexts = `
apiVersion: v1
kind: Config
current-context: kind-dev
clusters:
- {name: kind-dev, cluster: {server: "https://127.0.0.1:1"}}
- {name: live, cluster: {server: "https://127.0.0.1:2"}}
users:
- {name: me, user: {token: secret}}
contexts:
- {name: kind-dev, context: {cluster: kind-dev, user: me}}
- {name: prod, context: {cluster: live, user: me, namespace: shop}}
- {name: broken, context: {cluster: nowhere, user: me}}
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func variables(list map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := list[name]
		return value, ok
	}
}

func TestLoad_FindsTheContext(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := filepath.Join(home, ".kube", "config")
	write(t, file, twoContexts)
	other := filepath.Join(home, "other")
	write(t, other, strings.ReplaceAll(twoContexts, "current-context: kind-dev", "current-context: prod"))
	list := other + string(filepath.ListSeparator) + filepath.Join(home, "missing")
	for name, tc := range map[string]struct {
		config    kube.Config
		variables map[string]string
		want      kube.Target
	}{
		"home":       {kube.Config{}, nil, kube.Target{Context: "kind-dev", Cluster: "kind-dev", Namespace: "default", Path: file}},
		"context":    {kube.Config{Context: "prod"}, nil, kube.Target{Context: "prod", Cluster: "live", Namespace: "shop", Path: file}},
		"namespace":  {kube.Config{Context: "prod", Namespace: "mine"}, nil, kube.Target{Context: "prod", Cluster: "live", Namespace: "mine", Path: file}},
		"KUBECONFIG": {kube.Config{}, map[string]string{"KUBECONFIG": list}, kube.Target{Context: "prod", Cluster: "live", Namespace: "shop", Path: list}},
		"path":       {kube.Config{Path: other}, map[string]string{"KUBECONFIG": file}, kube.Target{Context: "prod", Cluster: "live", Namespace: "shop", Path: other}},
	} {
		vars := map[string]string{"HOME": home}
		for k, v := range tc.variables {
			vars[k] = v
		}
		tc.config.LookupEnv = variables(vars)
		got, err := kube.Load(tc.config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Context != tc.want.Context || got.Cluster != tc.want.Cluster || got.Namespace != tc.want.Namespace || got.Path != tc.want.Path {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestLoad_SaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, text)
		return path
	}
	for name, tc := range map[string]struct {
		config     kube.Config
		configured bool
		want       string
	}{
		"no file":         {kube.Config{Path: filepath.Join(dir, "none")}, false, "start a cluster"},
		"nothing at home": {kube.Config{LookupEnv: variables(map[string]string{"HOME": dir})}, false, "start a cluster"},
		"empty file":      {kube.Config{Path: file("empty", "")}, false, "start a cluster"},
		"no current":      {kube.Config{Path: file("no-current", strings.Replace(twoContexts, "current-context: kind-dev", "", 1))}, false, "broken, kind-dev, prod"},
		"unknown":         {kube.Config{Path: file("ok", twoContexts), Context: "staging"}, true, `no context "staging"`},
		"no cluster":      {kube.Config{Path: file("ok", twoContexts), Context: "broken"}, true, "the context broken"},
		"no yaml":         {kube.Config{Path: file("bad", "{[")}, true, "cannot be read"},
		"no certificate":  {kube.Config{Path: file("cert", strings.Replace(twoContexts, `"https://127.0.0.1:1"`, `"https://127.0.0.1:1", certificate-authority: gone.pem`, 1))}, true, "cannot be used"},
	} {
		_, err := kube.Load(tc.config)
		classified := failure.Of(err)
		if errors.Is(err, kube.ErrNotConfigured) == tc.configured || !strings.Contains(classified.Summary, tc.want) {
			t.Errorf("%s: %v (%s)", name, err, classified.Summary)
		}
		if (classified.Class == failure.User) != tc.configured {
			t.Errorf("%s: class %s", name, classified.Class)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells a token: %v", name, err)
		}
	}
}

func TestTarget_KnowsProducts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cluster, context, want string
		dev                    bool
	}{
		{"kind", "any", kube.ProductKind, true},
		{"kind-a", "any", kube.ProductKind, true},
		{"testbed", "kind-testbed", kube.ProductKind, true},
		{"testbed", "prod-testbed", kube.ProductUnknown, false},
		{"gke_p_z_c", "kind-of-ours", kube.ProductGKE, false},
		{"arn:aws:eks:eu:1:cluster/x", "x", kube.ProductEKS, false},
		{"x.eu.eksctl.io", "x", kube.ProductEKS, false},
		{"minikube", "minikube", kube.ProductMinikube, true},
		{"docker-for-desktop-cluster", "x", kube.ProductDockerDesktop, true},
		{"docker-desktop", "x", kube.ProductDockerDesktop, true},
		{"microk8s-cluster", "microk8s", kube.ProductMicroK8s, true},
		{"api-crc-testing:6443", "x", kube.ProductCRC, true},
		{"krucible-x", "x", kube.ProductKrucible, true},
		{"k3d-x", "k3d-x", kube.ProductK3D, true},
		{"rancher-desktop", "x", kube.ProductRancherDesktop, true},
		{"colima-dev", "x", kube.ProductColima, true},
		{"orbstack", "orbstack", kube.ProductOrbstack, true},
		{"production", "production", kube.ProductUnknown, false},
	} {
		target := kube.Target{Cluster: tc.cluster, Context: tc.context}
		if got := target.Product(); got != tc.want || target.IsDevCluster() != tc.dev {
			t.Errorf("cluster %s, context %s: %s, development %v", tc.cluster, tc.context, got, target.IsDevCluster())
		}
	}
}
