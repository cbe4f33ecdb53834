package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/envflow/envflow/internal/plan"
)

// What has happened to something.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Kinds of changes and of their parts.
const (
	KindResource = "resource"
	KindCompose  = "compose_project"
	KindObject   = "object"   // of v1alpha1; as a part, one of Kubernetes
	KindSettings = "settings" // as a part: the settings are others, which are a change of their own
	KindImage    = "image"
	KindField    = "field"
)

// Change is one difference of two plans. Fields are only ever added, at the end.
type Change struct {
	Kind   string `json:"kind"`           // KindResource, KindCompose, KindObject or KindSettings
	Name   string `json:"name"`           //
	Type   string `json:"type,omitempty"` // of a resource: plan.TypeKubernetes, ...
	Change string `json:"change"`         // Added, Removed or Changed
	Update bool   `json:"update"`         // of a resource: there is something to carry out, rather than only to show
	Parts  []Part `json:"parts"`          // what has changed; empty unless Change is Changed
}

// Part is what is different within a change.
type Part struct {
	Kind   string `json:"kind"`   // KindImage, KindObject, KindField or KindSettings
	Name   string `json:"name"`   // such as "Deployment web" of an object
	Change string `json:"change"` // Added, Removed or Changed
	Before any    `json:"before"` // nil if it is added
	After  any    `json:"after"`  // nil if it is removed
}

// Plans returns what has to change for before to become after: settings first, then what is in after, in its order, then what is
// gone.
func Plans(before, after *plan.Plan) []Change {
	changes := []Change{}
	if parts := fields(before.Settings, after.Settings); len(parts) > 0 {
		changes = append(changes, Change{Kind: KindSettings, Name: "settings", Change: Changed, Parts: parts})
	}
	changes = append(changes, compare(before.Compose, after.Compose, comparison[plan.ComposeProject]{
		kind: KindCompose, key: func(p *plan.ComposeProject) string { return p.Name },
		parts: func(a, b *plan.ComposeProject) []Part { return fields(a, b) },
	})...)
	changes = append(changes, compare(before.Resources, after.Resources, comparison[plan.Resource]{
		kind: KindResource, key: func(r *plan.Resource) string { return r.Name },
		parts: func(_, b *plan.Resource) []Part { return resourceParts(before, after, b.Name) },
	})...)
	for i := range changes {
		if c := &changes[i]; c.Kind == KindResource {
			describe(c, before, after)
		}
	}
	return append(changes, compare(before.Objects, after.Objects, comparison[plan.APIObject]{
		kind: KindObject, key: func(o *plan.APIObject) string { return o.Kind + " " + o.Name },
		parts: func(a, b *plan.APIObject) []Part { return fields(a, b) },
	})...)
}

// describe adds to the change of a resource what is known of it.
func describe(c *Change, before, after *plan.Plan) {
	a, b := before.Resource(c.Name), after.Resource(c.Name)
	switch {
	case a == nil:
		c.Type, c.Update = b.Type, b.Enabled
	case b == nil:
		c.Type, c.Update = a.Type, a.Enabled
	default:
		c.Type = b.Type
		c.Update = a.Enabled != b.Enabled || b.Enabled && (b.Compose != nil || before.SpecDigest(c.Name) != after.SpecDigest(c.Name))
	}
}

// comparison says how elements of two lists are compared.
type comparison[T any] struct {
	kind  string
	key   func(*T) string
	parts func(before, after *T) []Part
}

// compare compares two lists by the keys of their elements.
func compare[T any](before, after []T, c comparison[T]) (changes []Change) {
	old := map[string]*T{}
	for i := range before {
		old[c.key(&before[i])] = &before[i]
	}
	kept := map[string]bool{}
	for i := range after {
		key := c.key(&after[i])
		kept[key] = true
		if was, ok := old[key]; !ok {
			changes = append(changes, Change{Kind: c.kind, Name: key, Change: Added, Parts: []Part{}})
		} else if parts := c.parts(was, &after[i]); len(parts) > 0 {
			changes = append(changes, Change{Kind: c.kind, Name: key, Change: Changed, Parts: parts})
		}
	}
	for i := range before {
		if key := c.key(&before[i]); !kept[key] {
			changes = append(changes, Change{Kind: c.kind, Name: key, Change: Removed, Parts: []Part{}})
		}
	}
	return changes
}

// resourceParts are the differences of a resource that both plans have: its arguments, its images and its objects.
func resourceParts(before, after *plan.Plan, name string) []Part {
	a, b := *before.Resource(name), *after.Resource(name)
	parts := named(KindImage, imagesOf(before, &a), imagesOf(after, &b))
	parts = append(parts, named(KindObject, objectsOf(&a), objectsOf(&b))...)
	parts = append(parts, fields(ownFields(&a), ownFields(&b))...)
	if len(parts) > 0 || before.SpecDigest(name) == after.SpecDigest(name) {
		return parts
	}
	if reflect.DeepEqual(generic(before.Settings), generic(after.Settings)) {
		return []Part{{Kind: KindField, Name: "definition", Change: Changed}}
	}
	return []Part{{Kind: KindSettings, Name: "settings", Change: Changed}}
}

func imagesOf(p *plan.Plan, r *plan.Resource) map[string]any {
	images := map[string]any{}
	for _, ref := range r.Images {
		if image := p.Image(ref); image != nil {
			images[ref] = generic(image)
		}
	}
	return images
}

// objectsOf are the Kubernetes objects of a resource as people call them.
func objectsOf(r *plan.Resource) map[string]any {
	objects := map[string]any{}
	if r.Kubernetes == nil {
		return objects
	}
	for i := range r.Kubernetes.Objects {
		o := &r.Kubernetes.Objects[i]
		name := o.Kind + " " + o.Name
		if o.Namespace != "" {
			name = o.Kind + " " + o.Namespace + "/" + o.Name
		}
		for n := 2; objects[name] != nil; n++ { // nobody meant that, but the YAML may have it
			name = fmt.Sprintf("%s %s (%d)", o.Kind, o.Name, n)
		}
		objects[name] = generic(o.JSON)
	}
	return objects
}

// ownFields are the arguments of a resource, under their names in the Tiltfile.
func ownFields(r *plan.Resource) map[string]any {
	all, _ := generic(r).(map[string]any)
	for _, within := range []string{"kubernetes", "local", "compose"} {
		nested, _ := all[within].(map[string]any)
		delete(all, within)
		maps.Copy(all, nested)
	}
	delete(all, "images") // they are parts of their own, as are objects
	delete(all, "objects")
	return all
}

// fields compares what two values hold under each key.
func fields(before, after any) []Part {
	a, _ := generic(before).(map[string]any)
	b, _ := generic(after).(map[string]any)
	return named(KindField, a, b)
}

// named compares values by their names, in the order of these.
func named(kind string, before, after map[string]any) (parts []Part) {
	for _, name := range slices.Sorted(maps.Keys(names(before, after))) {
		a, was := before[name]
		b, is := after[name]
		part := Part{Kind: kind, Name: name, Change: Changed, Before: a, After: b}
		switch {
		case !was:
			part.Change = Added
		case !is:
			part.Change = Removed
		case reflect.DeepEqual(a, b):
			continue
		}
		parts = append(parts, part)
	}
	return parts
}

// names are the keys of both.
func names(before, after map[string]any) map[string]bool {
	all := map[string]bool{}
	for name := range before {
		all[name] = true
	}
	for name := range after {
		all[name] = true
	}
	return all
}

// generic is v as JSON has it, so that nothing depends on whether a plan was read from a record.
func generic(v any) (out any) {
	data, err := json.Marshal(v)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		err = decoder.Decode(&out)
	}
	if err != nil {
		panic("plan/diff: a plan is not plain data: " + err.Error())
	}
	return out
}
