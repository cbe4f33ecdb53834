package k8s

import (
	"slices"
	"strconv"
	"strings"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// manifest is a Kubernetes object with what assembly looks at. It is kept from one evaluation to the next, and never changed.
type manifest struct {
	plan.Object
	group     string            // "" for the core group
	ownLabels map[string]string // of the object itself
	images    []string
	envValues []string
	labels    map[string]string // of its pods
	hasPods   bool
	selector  map[string]string // of a Service
	readiness string            // that its kind has, "" if it says nothing
	at        string            // where it stands, if it has no name
}

// object is a manifest in one evaluation.
type object struct {
	manifest
	index  int // in the order of the YAML
	trace  kit.Trace
	scope  string // the namespace it goes to
	isKind bool   // k8s_kind or its like means it
	taken  *resource
}

// podTemplates are the paths to the pod template in the kinds that have one; a Pod is its own.
var podTemplates = map[string][]string{
	"/Pod":                   {},
	"/ReplicationController": {"spec", "template"},
	"/PodTemplate":           {"template"},
	"apps/Deployment":        {"spec", "template"},
	"apps/ReplicaSet":        {"spec", "template"},
	"apps/StatefulSet":       {"spec", "template"},
	"apps/DaemonSet":         {"spec", "template"},
	"extensions/Deployment":  {"spec", "template"},
	"extensions/ReplicaSet":  {"spec", "template"},
	"extensions/DaemonSet":   {"spec", "template"},
	"batch/Job":              {"spec", "template"},
	"batch/CronJob":          {"spec", "jobTemplate", "spec", "template"},
}

// inspect finds images and labels of the pods that the object makes.
func (o *manifest) inspect(fields map[string]any) {
	o.ownLabels = stringMap(at(fields, "metadata", "labels"))
	o.group, _, _ = strings.Cut(o.APIVersion, "/")
	if !strings.Contains(o.APIVersion, "/") {
		o.group = ""
	}
	if o.group == "" && o.Kind == "Service" {
		o.selector = stringMap(at(fields, "spec", "selector"))
	}
	path, ok := podTemplates[o.group+"/"+o.Kind]
	if !ok {
		return
	}
	template, ok := at(fields, path...).(map[string]any)
	if !ok {
		return
	}
	o.hasPods = true
	switch {
	case o.group == "batch" && o.Kind == "Job":
		o.readiness = plan.ReadinessSucceeded
	case o.group == "batch" && o.Kind == "CronJob":
		o.readiness = plan.ReadinessIgnore
	}
	o.labels = stringMap(at(template, "metadata", "labels"))
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		for _, container := range mapsIn(at(template, "spec", list)) {
			o.addImage(str(container, "image"))
			for _, variable := range mapsIn(container["env"]) {
				if value := str(variable, "value"); value != "" {
					o.envValues = append(o.envValues, value)
				}
			}
		}
	}
	for _, volume := range mapsIn(at(template, "spec", "volumes")) {
		o.addImage(str(volume, "image", "reference"))
	}
}

func (o *manifest) addImage(image string) {
	if image != "" && !slices.Contains(o.images, image) {
		o.images = append(slices.Clip(o.images), image) // the list of another evaluation may be the same
	}
}

// selects reports whether the object is a Service for pods of the other.
func (o *object) selects(other *object) bool {
	if o.scope != other.scope || !other.hasPods {
		return false
	}
	for key, value := range o.selector {
		if got, ok := other.labels[key]; !ok || got != value {
			return false
		}
	}
	return len(o.selector) > 0
}

// fragments are name, kind, namespace and group, as names and selectors have them. Tilt calls a namespace that is not named
// "default", and the group without a name "core".
func (o *object) fragments() [4]string {
	namespace, group := o.Namespace, o.group
	if namespace == "" {
		namespace = defaultNamespace
	}
	if group == "" {
		group = "core"
	}
	return [4]string{o.Name, strings.ToLower(o.Kind), namespace, group}
}

// fullName shows name, kind and namespace.
func (o *object) fullName() string {
	parts := o.fragments()
	return joinFragments(parts[:3])
}

func joinFragments(parts []string) string {
	escaped := make([]string, 0, len(parts))
	for _, part := range parts {
		escaped = append(escaped, strings.ReplaceAll(part, ":", `\:`))
	}
	return strings.Join(escaped, ":")
}

// splitFragments is the way back; "\:" stands for a colon in a name.
func splitFragments(s string) []string {
	parts := []string{""}
	for s != "" {
		last := &parts[len(parts)-1]
		switch {
		case strings.HasPrefix(s, `\:`):
			*last += ":"
			s = s[len(`\:`):]
		case s[0] == ':':
			parts = append(parts, "")
			s = s[1:]
		default:
			*last += s[:1]
			s = s[1:]
		}
	}
	return parts
}

// matches reports whether a selector name[:kind[:namespace[:group]]] means the object. An empty part means any.
func (o *object) matches(selector []string) bool {
	fragments := o.fragments()
	for i, want := range selector {
		if want == "" || strings.EqualFold(want, fragments[i]) || i == 2 && strings.EqualFold(want, o.scope) {
			continue
		}
		return false
	}
	return true
}

// uniqueNames names each object by the shortest of name, name:kind, ... that no other in the list has. Where all of that is the same
// its place in the list is added.
func uniqueNames(objects []*object) []named {
	counts := map[string]int{}
	for _, o := range objects {
		parts := o.fragments()
		for n := 1; n <= len(parts); n++ {
			counts[joinFragments(parts[:n])]++
		}
	}
	names := make([]named, 0, len(objects))
	for i, o := range objects {
		parts := o.fragments()
		n := 1
		for n < len(parts) && counts[joinFragments(parts[:n])] > 1 {
			n++
		}
		name := joinFragments(parts[:n])
		if counts[name] > 1 {
			name += ":" + strconv.Itoa(i)
		}
		names = append(names, named{o, name})
	}
	return names
}

// at returns what is at a path of nested maps, nil if nothing.
func at(v any, path ...string) any {
	for _, key := range path {
		fields, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = fields[key]
	}
	return v
}

func str(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}

// mapsIn returns the maps in a list.
func mapsIn(v any) []map[string]any {
	items, _ := v.([]any)
	var list []map[string]any
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}

// stringMap returns the entries of a map whose values are strings.
func stringMap(v any) map[string]string {
	fields, _ := v.(map[string]any)
	m := map[string]string{}
	for key, value := range fields {
		if s, ok := value.(string); ok {
			m[key] = s
		}
	}
	return m
}
