package arguments

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	gostarlark "go.starlark.net/starlark"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/envflow/envflow/starlark/kit"
	"github.com/envflow/envflow/starlark/settings"
)

// TriggerMode reads the argument trigger_mode. None, and none given, is "".
func TriggerMode(v gostarlark.Value) (string, error) {
	if v == nil || v == gostarlark.None {
		return "", nil
	}
	mode, err := settings.Mode(v)
	if err != nil {
		return "", fmt.Errorf("trigger_mode: %w", err)
	}
	return mode, nil
}

// Labels checks labels that group resources for people: the rules are those of Kubernetes label values.
func Labels(labels kit.Strs) ([]string, error) {
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return nil, fmt.Errorf("labels: %w", err)
		}
	}
	return AppendNew(nil, labels), nil
}

func checkLabel(label string) error {
	if label == "" {
		return errors.New("a label is empty")
	}
	if strings.Contains(label, "/") {
		return fmt.Errorf("%q: a label cannot contain /", label)
	}
	if problems := validation.IsValidLabelValue(label); len(problems) > 0 {
		return fmt.Errorf("%q: %s", label, strings.Join(problems, "; "))
	}
	return nil
}

// OneOf checks the argument name, which takes one of a few words. "" means none.
func OneOf(name, value string, allowed ...string) (string, error) {
	if value == "" || slices.Contains(allowed, value) {
		return value, nil
	}
	return "", fmt.Errorf("%s: got %q, want one of %s", name, value, strings.Join(allowed, ", "))
}

// AppendNew appends what is not in the list.
func AppendNew(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}
