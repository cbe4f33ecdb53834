package system

import (
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// apiVersion is that of the objects that the plan holds.
const apiVersion = "tilt.dev/v1alpha1"

// inbox is where a command hands objects over, as the extension uibutton does: it runs `envflow apply -f -` while it is loaded.
type inbox struct{ path string }

func newInbox() (inbox, error) {
	f, err := os.CreateTemp("", "envflow-apply-*.yaml")
	if err != nil {
		return inbox{}, fmt.Errorf("make a file that the command can apply objects to: %w", err)
	}
	return inbox{path: f.Name()}, f.Close()
}

func (i inbox) remove() { _ = os.Remove(i.path) } // it is in the folder for temporary files

// take puts what was handed over into the plan.
func (i inbox) take(c *kit.Call) error {
	data, err := os.ReadFile(i.path)
	if err != nil {
		return fmt.Errorf("read what the command has applied: %w", err)
	}
	for _, doc := range kit.SplitYAML(string(data)) {
		o, err := parseObject(doc.Text)
		if err != nil {
			return fmt.Errorf("the command has applied what is no object of %s: %w", apiVersion, err)
		}
		c.ApplyObject(o)
	}
	return nil
}

func parseObject(text string) (plan.APIObject, error) {
	var o struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name        string            `json:"name"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
		Spec json.RawMessage `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		return plan.APIObject{}, err
	}
	switch {
	case o.APIVersion != apiVersion:
		return plan.APIObject{}, fmt.Errorf("apiVersion is %q", o.APIVersion)
	case o.Kind == "" || o.Metadata.Name == "":
		return plan.APIObject{}, fmt.Errorf("kind is %q, name is %q", o.Kind, o.Metadata.Name)
	case len(o.Spec) == 0:
		o.Spec = json.RawMessage("{}")
	}
	return plan.APIObject{Kind: o.Kind, Name: o.Metadata.Name, Labels: o.Metadata.Labels, Annotations: o.Metadata.Annotations, Spec: o.Spec}, nil
}
