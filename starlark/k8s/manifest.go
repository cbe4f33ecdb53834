package k8s

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// parse returns the objects of a YAML text. The items of a List are objects of their own. Documents are parsed side by side, since
// YAML is what a large environment spends its evaluation with; of several errors the first in the text counts.
func parse(cache *kit.Cache, text, name string) ([]manifest, error) {
	docs := kit.SplitYAML(text)
	found, errs := make([][]manifest, len(docs)), make([]error, len(docs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, doc := range docs {
		group.Go(func() error {
			found[i], errs[i] = parseDocument(cache, doc, name)
			return nil
		})
	}
	_ = group.Wait() // errors are in errs, to keep their order
	for i, err := range errs {
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(found[i], func(m manifest) bool { return m.Name == "" }) {
			found[i] = slices.Clone(found[i]) // the cache has it for other places too
			for j := range found[i] {
				found[i][j].at = fmt.Sprintf("%s, the document at line %d", orText(name), docs[i].Line)
			}
		}
	}
	return slices.Concat(found...), nil
}

// documentKey is what the objects of a document were made from.
type documentKey kit.Digest

// parseDocument returns the objects of a document, from the cache if an earlier evaluation has parsed the same.
func parseDocument(cache *kit.Cache, doc kit.YAMLDocument, name string) ([]manifest, error) {
	digest := kit.NewDigester()
	digest.Add(doc.Text)
	return kit.Cached(cache, documentKey(digest.Sum()), func() ([]manifest, error) {
		data, err := yaml.YAMLToJSON([]byte(doc.Text))
		if err != nil {
			return nil, yamlError(err, name, doc.Line)
		}
		if bytes.Equal(data, []byte("null")) {
			return nil, nil
		}
		found, err := parseObject(data)
		if err != nil {
			return nil, fmt.Errorf("%s, the document at line %d: %w", orText(name), doc.Line, err)
		}
		return found, nil
	})
}

func parseObject(data []byte) ([]manifest, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, errors.New("it is not a Kubernetes object")
	}
	kind, apiVersion := str(fields, "kind"), str(fields, "apiVersion")
	if kind == "" || apiVersion == "" {
		return nil, kit.Hint(errors.New("it is not a Kubernetes object: kind or apiVersion is missing"), "k8s_yaml takes manifests only")
	}
	if items, ok := fields["items"].([]any); ok && strings.HasSuffix(kind, "List") {
		return parseItems(items, strings.TrimSuffix(kind, "List"), apiVersion)
	}
	if kind == "List" {
		return nil, nil
	}
	m := manifest{Object: plan.Object{
		APIVersion: apiVersion, Kind: kind, Namespace: str(fields, "metadata", "namespace"), Name: str(fields, "metadata", "name"), JSON: data,
	}}
	m.inspect(fields)
	return []manifest{m}, nil
}

// parseItems returns the items of a list. Those of a typed one, such as ConfigMapList, need not say their kind.
func parseItems(items []any, kind, apiVersion string) ([]manifest, error) {
	var found []manifest
	for _, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, errors.New("an item of the list is not an object")
		}
		if kind != "" && fields["kind"] == nil {
			fields["kind"], fields["apiVersion"] = kind, apiVersion
		}
		data, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		objects, err := parseObject(data)
		if err != nil {
			return nil, err
		}
		found = append(found, objects...)
	}
	return found, nil
}
