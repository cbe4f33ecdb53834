package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/envflow/envflow/starlark/kit"
)

// maxAnnotations is how large the annotations of an object are at most, in Kubernetes.
const maxAnnotations = 256 * 1024

// checkMetadata checks what all objects have, as Kubernetes does.
func checkMetadata(name string, labels, annotations map[string]string) error {
	if name == "" {
		return errors.New("the name is empty")
	}
	if problems := content.IsPathSegmentName(name); len(problems) > 0 {
		return fmt.Errorf("%q cannot be the name of an object: it %s", name, strings.Join(problems, ", and "))
	}
	for key, value := range labels {
		problems := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...)
		if len(problems) > 0 {
			return fmt.Errorf("labels: %q: %q is not a label: %s", key, value, strings.Join(problems, "; "))
		}
	}
	size := 0
	for key, value := range annotations {
		if problems := validation.IsQualifiedName(strings.ToLower(key)); len(problems) > 0 {
			return fmt.Errorf("annotations: %q cannot be a key: %s", key, strings.Join(problems, "; "))
		}
		size += len(key) + len(value)
	}
	if size > maxAnnotations {
		return fmt.Errorf("annotations: they have %d bytes, and %d are the most that is possible", size, maxAnnotations)
	}
	return nil
}

// required wants fields to be there; names are pairs of the one in the plan and the one of the argument.
func required(names ...string) func(object) error {
	return func(o object) error {
		for i := 0; i < len(names); i += 2 {
			if _, ok := o[names[i]]; !ok {
				return fmt.Errorf("%s is missing or empty", names[i+1])
			}
		}
		return nil
	}
}

// exactlyOne wants one of several fields, which are pairs as for required.
func exactlyOne(names ...string) func(object) error {
	return func(o object) error {
		var there, known []string
		for i := 0; i < len(names); i += 2 {
			known = append(known, names[i+1])
			if _, ok := o[names[i]]; ok {
				there = append(there, names[i+1])
			}
		}
		switch len(there) {
		case 1:
			return nil
		case 0:
			return fmt.Errorf("it needs exactly one of %s, and has none", strings.Join(known, ", "))
		}
		return fmt.Errorf("it needs exactly one of %s, and has %s", strings.Join(known, ", "), strings.Join(there, " and "))
	}
}

func checkArgs(o object) error {
	if args, _ := o["args"].([]string); len(args) == 0 || args[0] == "" {
		return kit.Hint(errors.New("args is missing or empty"), `a command is a list such as ["go", "test"]; for a shell write ["sh", "-c", "..."]`)
	}
	env, _ := o["env"].([]string)
	for _, variable := range env {
		if name, _, ok := strings.Cut(variable, "="); !ok || name == "" {
			return fmt.Errorf("env: %q is not of the form NAME=value", variable)
		}
	}
	return nil
}

func checkConfigMap(o object) error {
	data, _ := o["data"].(map[string]string)
	for key := range data {
		if problems := validation.IsConfigMapKey(key); len(problems) > 0 {
			return fmt.Errorf("data: %q cannot be a key: %s", key, strings.Join(problems, "; "))
		}
	}
	return nil
}

func checkExtensionRepo(o object) error {
	url, _ := o["url"].(string)
	dir, isFile := strings.CutPrefix(url, "file://")
	switch {
	case !isFile && !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://"):
		return fmt.Errorf("url: %q must start with https://, http:// or file://", url)
	case !isFile:
		return nil
	case !filepath.IsAbs(dir):
		return kit.Hint(fmt.Errorf("url: the path of %q is not absolute", url), "write 'file://' + os.path.abspath(...)")
	case o["gitSubpath"] != nil:
		return kit.Hint(errors.New("git_subpath is for repositories of git"), "add it to the path in url")
	case o["ref"] != nil:
		return errors.New("ref is for repositories of git, and url is a folder")
	}
	return nil
}

func checkKubernetesApply(o object) error {
	if err := exactlyOne("yaml", "yaml", "applyCmd", "apply_cmd")(o); err != nil {
		return err
	}
	if o["deleteCmd"] != nil && o["applyCmd"] == nil {
		return errors.New("delete_cmd needs apply_cmd: what yaml applies is deleted without a command")
	}
	return nil
}

// checkLabelSelector lets Kubernetes read the selector.
func checkLabelSelector(o object) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	var selector metav1.LabelSelector
	if err := json.Unmarshal(data, &selector); err != nil {
		return err
	}
	_, err = metav1.LabelSelectorAsSelector(&selector)
	return err
}

func checkForwards(o object) error {
	forwards, _ := o["forwards"].([]object)
	if len(forwards) == 0 {
		return errors.New("forwards is missing or empty")
	}
	seen := map[any]bool{}
	for _, f := range forwards {
		local, given := f["localPort"]
		if given && seen[local] {
			return fmt.Errorf("forwards: two of them have the local_port %d", local)
		}
		seen[local] = true
	}
	return nil
}

func checkUIButton(o object) error {
	if err := required("text", "text", "location", "location")(o); err != nil {
		return err
	}
	if svg, ok := o["iconSVG"].(string); ok && !strings.Contains(svg, "<svg") {
		return kit.Hint(errors.New("icon_svg has no <svg>"), "it is the text of the picture; read_file reads it from a file")
	}
	seen := map[any]bool{}
	inputs, _ := o["inputs"].([]object)
	for _, input := range inputs {
		if seen[input["name"]] {
			return fmt.Errorf("inputs: two of them are called %q", input["name"])
		}
		seen[input["name"]] = true
	}
	return nil
}

func checkUIInput(o object) error {
	if err := required("name", "name")(o); err != nil {
		return err
	}
	return exactlyOne("text", "text", "bool", "bool", "hidden", "hidden", "choice", "choice")(o)
}
