package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/starlark/kit"
)

// inNamespace gives a namespace to all objects of a YAML text that have none: helm does so only when it installs them. As in Tilt
// this holds for kinds too that live in no namespace; the cluster does not mind.
func inNamespace(text, namespace string) (string, error) {
	var b strings.Builder
	for _, doc := range kit.SplitYAML(text) {
		data, err := yaml.YAMLToJSON([]byte(doc.Text))
		if err != nil {
			return "", fmt.Errorf("the manifests are not valid YAML: in the document at line %d, %s", doc.Line, yamlReason(err))
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		var object any
		if err := decoder.Decode(&object); err != nil {
			return "", err
		}
		if object == nil {
			continue
		}
		stamp(object, namespace)
		if data, err = json.Marshal(object); err != nil {
			return "", err
		}
		if data, err = yaml.JSONToYAML(data); err != nil {
			return "", err
		}
		b.WriteString("---\n")
		b.Write(data)
	}
	return b.String(), nil
}

// stamp gives the namespace to an object, or to the items of a list.
func stamp(object any, namespace string) {
	fields, ok := object.(map[string]any)
	if !ok {
		return
	}
	if kind, ok := fields["kind"].(string); ok && strings.HasSuffix(kind, "List") {
		if items, ok := fields["items"].([]any); ok {
			for _, item := range items {
				stamp(item, namespace)
			}
			return
		}
	}
	metadata, ok := fields["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		fields["metadata"] = metadata
	}
	if own, ok := metadata["namespace"].(string); !ok || own == "" {
		metadata["namespace"] = namespace
	}
}
