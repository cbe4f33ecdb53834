package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"

	"github.com/envflow/envflow/starlark/kit"
)

// What templates see of helm and of the cluster. Released helm programs are linked with the version of helm, and take that of
// the Kubernetes libraries they are made with for the cluster's; the library alone says something older. TestVersions compares
// them with go.mod.
const (
	helmVersion = "v3.21.4"
	kubeMajor   = "1"
	kubeMinor   = "36"
)

// notesFile is shown to who installs a chart, and no manifest.
const notesFile = "NOTES.txt"

// template renders a chart: `helm template --include-crds`.
func (r *release) template(files []*loader.BufferedFile) ([]document, error) {
	loaded, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	if err := installable(loaded); err != nil {
		return nil, err
	}
	values, err := r.merged()
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependenciesWithMerge(loaded, values); err != nil {
		return nil, err
	}
	capabilities := r.capabilities()
	options := chartutil.ReleaseOptions{Name: r.name, Namespace: r.within, Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValuesWithSchemaValidation(loaded, values, options, capabilities, false)
	if err != nil {
		return nil, err
	}
	version := capabilities.KubeVersion.Version
	if wanted := loaded.Metadata.KubeVersion; wanted != "" && !chartutil.IsCompatibleRange(wanted, version) {
		return nil, kit.Hint(fmt.Errorf("it wants Kubernetes %s, and is rendered for %s", wanted, version), "kube_version='...' renders it for another version")
	}
	rendered, err := engine.Engine{}.Render(loaded, all)
	if err != nil {
		return nil, &templateError{chart: loaded.Name(), err: err}
	}
	for name := range rendered {
		if strings.HasSuffix(name, notesFile) {
			delete(rendered, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(rendered, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, &templateError{chart: loaded.Name(), err: err}
	}
	return documents(r.definitions(loaded), manifests, hooks), nil
}

// definitions are the custom resource definitions of a chart, which are no templates.
func (r *release) definitions(loaded *chart.Chart) []chart.CRD {
	if r.skipCRDs {
		return nil
	}
	return loaded.CRDObjects()
}

func documents(definitions []chart.CRD, manifests []releaseutil.Manifest, hooks []*helmrelease.Hook) (list []document) {
	for _, d := range definitions {
		list = append(list, document{source: d.Filename, text: string(d.File.Data)})
	}
	for _, m := range manifests {
		list = append(list, document{source: m.Name, text: m.Content})
	}
	for _, h := range hooks {
		list = append(list, document{source: h.Path, text: h.Manifest, hook: true, test: slices.Contains(h.Events, helmrelease.HookTest)})
	}
	return list
}

// capabilities is what templates see as .Capabilities.
func (r *release) capabilities() *chartutil.Capabilities {
	c := chartutil.DefaultCapabilities.Copy()
	c.HelmVersion.Version = helmVersion
	c.KubeVersion = chartutil.KubeVersion{Version: "v" + kubeMajor + "." + kubeMinor + ".0", Major: kubeMajor, Minor: kubeMinor}
	if r.kubeVersion != nil {
		c.KubeVersion = *r.kubeVersion
	}
	return c
}

// installable refuses charts that helm does not install.
func installable(loaded *chart.Chart) error {
	switch loaded.Metadata.Type {
	case "", "application":
	case "library":
		return kit.Hint(errors.New("it is a library chart, which makes no objects of its own"), "render a chart that depends on it")
	default:
		return fmt.Errorf("its %s says type: %s, which helm does not know", chartFile, loaded.Metadata.Type)
	}
	var missing []string
	for _, wanted := range loaded.Metadata.Dependencies {
		if !slices.ContainsFunc(loaded.Dependencies(), func(d *chart.Chart) bool { return d.Name() == wanted.Name }) {
			missing = append(missing, wanted.Name)
		}
	}
	if len(missing) > 0 {
		return &missingError{missing}
	}
	return nil
}
