package render

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/envflow/envflow/starlark/kit"
)

// The versions that the builtins say they are of.
const (
	HelmVersion      = helmVersion
	KubeMajor        = kubeMajor
	KubeMinor        = kubeMinor
	KustomizeVersion = kustomizeVersion
)

// KustomizeBuild builds a kustomization.
func KustomizeBuild(t *testing.T, dir string) (string, error) {
	t.Helper()
	return build(newObserver(t.Context()), dir)
}

// HelmTemplate renders a chart with flags of helm template, and returns all that helm prints.
func HelmTemplate(t *testing.T, dir, name string, flags ...string) (string, error) {
	t.Helper()
	r := release{name: name, within: "default"}
	for _, flag := range flags {
		option, value, _ := strings.Cut(flag, "=")
		var err error
		switch option {
		case "--namespace":
			r.within = value
		case "--kube-version":
			r.kubeVersion, err = chartutil.ParseKubeVersion(value)
		case "--set":
			r.set = append(r.set, value)
		case "--values":
			var data []byte
			data, err = os.ReadFile(value)
			r.values = append(r.values, valuesFile{value, data})
		case "--skip-crds":
			r.skipCRDs = true
		default:
			err = fmt.Errorf("the flag %s is not known", option)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	files, err := readChart(call(t), dir, dir)
	if err != nil {
		return "", err
	}
	documents, err := r.template(files)
	if err != nil {
		return "", err
	}
	return printed(documents, func(document) bool { return true }), nil
}

// Download reads a values file from the network.
func Download(t *testing.T, address string, limit time.Duration) ([]byte, error) {
	t.Helper()
	return download(call(t), address, limit)
}

// call is a call of a builtin that nobody made.
func call(t *testing.T) *kit.Call {
	t.Helper()
	return &kit.Call{Run: kit.NewRun(t.Context(), kit.Options{Path: "/Tiltfile"})}
}
