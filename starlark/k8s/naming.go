package k8s

import (
	"errors"
	"fmt"
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

// naming is the function that workload_to_resource_function was given.
type naming struct {
	function *gostarlark.Function
	trace    kit.Trace
}

// workloadToResource takes a function of the Tiltfile that names the resources of workloads.
func (f *Family) workloadToResource(c *kit.Call) (gostarlark.Value, error) {
	var function *gostarlark.Function
	if err := c.Unpack("func", &function); err != nil {
		return nil, err
	}
	if n := function.NumParams(); n != 1 {
		return nil, fmt.Errorf("the function must take one argument, and %s takes %d", function.Name(), n)
	}
	f.naming = &naming{function, c.Trace()}
	return nil, nil
}

// names names the resources of workloads, by the Tiltfile's own function if there is one.
func (f *Family) names(workloads []*object) ([]named, error) {
	if f.naming == nil {
		return uniqueNames(workloads), nil
	}
	var names []named
	for _, o := range workloads {
		name, err := f.nameOf(o)
		if err != nil {
			return nil, kit.At(f.naming.trace, "workload_to_resource_function", err)
		}
		for _, other := range names {
			if other.name == name {
				err := fmt.Errorf("both %s and %s are named %s", o.id(), other.object.id(), name)
				return nil, kit.At(f.naming.trace, "workload_to_resource_function", err)
			}
		}
		names = append(names, named{o, name})
	}
	return names, nil
}

func (f *Family) nameOf(o *object) (string, error) {
	result, err := f.run.CallFunction(f.naming.function, o.id())
	if err != nil {
		return "", err
	}
	name, ok := kit.Text(result)
	if !ok {
		return "", fmt.Errorf("%s returned a %s for %s, want a string", f.naming.function.Name(), result.Type(), o.id())
	}
	if err := kit.ValidName(name); err != nil {
		return "", fmt.Errorf("what %s returned for %s is no name: %w", f.naming.function.Name(), o.id(), err)
	}
	return name, nil
}

// objectID is what a naming function is given.
type objectID struct{ name, kind, namespace, group string }

var _ gostarlark.HasAttrs = objectID{}

func (o *object) id() objectID {
	return objectID{name: o.Name, kind: o.Kind, namespace: o.fragments()[2], group: o.group}
}

// String implements starlark.Value.
func (id objectID) String() string {
	return strings.ToLower(strings.Join([]string{id.name, id.kind, id.namespace, id.group}, ":"))
}

// Type implements starlark.Value.
func (id objectID) Type() string { return "K8sObjectID" }

// Freeze implements starlark.Value.
func (id objectID) Freeze() {}

// Truth implements starlark.Value.
func (id objectID) Truth() gostarlark.Bool { return true }

// Hash implements starlark.Value.
func (id objectID) Hash() (uint32, error) { return gostarlark.String(id.String()).Hash() }

// AttrNames implements starlark.HasAttrs.
func (id objectID) AttrNames() []string { return []string{"group", "kind", "name", "namespace"} }

// Attr implements starlark.HasAttrs.
func (id objectID) Attr(name string) (gostarlark.Value, error) {
	switch name {
	case "name":
		return gostarlark.String(id.name), nil
	case "kind":
		return gostarlark.String(id.kind), nil
	case "namespace":
		return gostarlark.String(id.namespace), nil
	case "group":
		return gostarlark.String(id.group), nil
	}
	return nil, errors.New("it has name, kind, namespace and group only")
}
