package render

import (
	"cmp"
	"fmt"
	"strings"

	gostarlark "go.starlark.net/starlark"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/envflow/envflow/starlark/kit"
)

// defaultRelease is the name of a release that has none. It is the same each time, so that names of objects are.
const defaultRelease = "chart"

// release is what a chart is rendered for.
type release struct {
	name        string
	namespace   string // "" if the Tiltfile names none
	within      string // what .Release.Namespace is
	kubeVersion *chartutil.KubeVersion
	skipCRDs    bool
	values      []valuesFile
	set         []string
}

// helm renders a chart.
func helm(c *kit.Call) (gostarlark.Value, error) {
	var path kit.Path
	var name, namespace, kubeVersion kit.Str
	var values, set kit.Strs
	var skipCRDs kit.OptBool
	if err := c.Unpack("paths", &path, "name?", &name, "namespace?", &namespace, "values?", &values, "set?", &set,
		"kube_version?", &kubeVersion, "skip_crds?", &skipCRDs); err != nil {
		return nil, err
	}
	dir := c.Path(string(path))
	files, err := readChart(c, string(path), dir)
	if err != nil {
		return nil, err
	}
	r := release{
		name: cmp.Or(string(name), defaultRelease), namespace: string(namespace), within: namespaceOf(c, string(namespace)),
		skipCRDs: skipCRDs.Value, set: set,
	}
	if err := chartutil.ValidateReleaseName(r.name); err != nil {
		return nil, kit.Hint(fmt.Errorf("name: %q cannot be the name of a release", r.name),
			"at most 53 lower-case letters, digits, dashes and dots, beginning and ending with a letter or digit")
	}
	if kubeVersion != "" {
		if r.kubeVersion, err = chartutil.ParseKubeVersion(string(kubeVersion)); err != nil {
			return nil, kit.Hint(fmt.Errorf("kube_version: %q is not a version", string(kubeVersion)), "a version is like 1.33 or v1.33.1")
		}
	}
	if r.values, err = readValues(c, values); err != nil {
		return nil, err
	}
	text, err := await(c.Ctx, func() (string, error) { return r.renderOnce(c.Cache, files) })
	if err != nil {
		return nil, explain(c, dir, err)
	}
	return &kit.Blob{Text: text}, nil
}

// namespaceOf returns the namespace that templates see: as helm takes it when none is named, from the environment and from the
// current context.
func namespaceOf(c *kit.Call, named string) string {
	fromEnviron, _ := c.Environ.Lookup("HELM_NAMESPACE")
	return cmp.Or(named, fromEnviron, c.KubeNamespace, "default")
}

// helmKey is the key of a rendering in the cache.
type helmKey kit.Digest

// renderOnce returns the manifests of the chart. Those of a chart whose files are the same are not made again, even if it has
// templates that give something else each time, such as a password.
func (r *release) renderOnce(cache *kit.Cache, files []*loader.BufferedFile) (string, error) {
	return kit.Cached(cache, r.key(files), func() (string, error) {
		documents, err := r.template(files)
		if err != nil {
			return "", err
		}
		text := printed(documents, withoutTests)
		if r.namespace == "" {
			return text, nil
		}
		return inNamespace(text, r.namespace)
	})
}

// key identifies all that a rendering depends on.
func (r *release) key(files []*loader.BufferedFile) helmKey {
	d := kit.NewDigester()
	d.Add("helm", r.name, r.namespace, r.within, fmt.Sprint(r.kubeVersion), fmt.Sprint(r.skipCRDs))
	d.AddList(r.set)
	for _, values := range r.values {
		d.Add("values")
		d.AddBytes(values.data)
	}
	for _, file := range files {
		d.Add("file", file.Name)
		d.AddBytes(file.Data)
	}
	return helmKey(d.Sum())
}

// document is one manifest that a chart makes.
type document struct {
	source string // the template, as chart/templates/web.yaml
	text   string
	hook   bool
	test   bool // only `helm test` would use it
}

// withoutTests leaves out what only `helm test` would use: test hooks, and as in Tilt whatever is in a folder tests.
func withoutTests(d document) bool { return !d.test && !strings.Contains(d.source, "/tests/") }

// printed returns what `helm template` prints: the manifests, then the hooks.
func printed(documents []document, wanted func(document) bool) string {
	var manifests, hooks strings.Builder
	for _, d := range documents {
		if !wanted(d) {
			continue
		}
		to := &manifests
		if d.hook {
			to = &hooks
		}
		fmt.Fprintf(to, "---\n# Source: %s\n%s\n", d.source, d.text)
	}
	return strings.TrimSpace(manifests.String()) + "\n" + hooks.String()
}
