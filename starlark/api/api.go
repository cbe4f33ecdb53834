package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// module is the name that the builtins are below.
const module = "v1alpha1."

// Family holds the objects of one evaluation.
type Family struct {
	run     *kit.Run
	objects map[id]registered
	hooks   map[string][]func(*kit.Call, plan.APIObject) error // by kind
}

// id is what two objects cannot have in common.
type id struct{ kind, name string }

type registered struct {
	object plan.APIObject
	trace  kit.Trace
}

// docs is made when the first family is: the table does not change.
var docs = sync.OnceValue(func() string { return markdown(table) })

// New registers the family.
func New(run *kit.Run) *Family {
	f := &Family{run: run, objects: map[id]registered{}, hooks: map[string][]func(*kit.Call, plan.APIObject) error{}}
	run.Document(docs())
	for _, s := range table {
		run.Builtin(module+s.name, func(c *kit.Call) (gostarlark.Value, error) {
			if s.kind == "" {
				return newValue(c, s)
			}
			return nil, f.register(c, s)
		})
	}
	return f
}

// OnObject calls fn for each object of a kind that the Tiltfile registers, once, while it does. An error is that of the call.
func (f *Family) OnObject(kind string, fn func(c *kit.Call, o plan.APIObject) error) {
	f.hooks[kind] = append(f.hooks[kind], fn)
}

// newValue returns what one object is made of: a dict, as if it were written in the Tiltfile, but checked.
func newValue(c *kit.Call, s *spec) (gostarlark.Value, error) {
	values, err := unpack(c, s, nil)
	if err != nil {
		return nil, err
	}
	_, dict, err := s.convert(c, values)
	return dict, err
}

// register adds an object to the plan.
func (f *Family) register(c *kit.Call, s *spec) error {
	var name kit.Str
	var labels, annotations kit.StrDict
	values, err := unpack(c, s, []any{"name", &name, "labels?", &labels, "annotations?", &annotations})
	if err != nil {
		return err
	}
	if err := checkMetadata(string(name), labels, annotations); err != nil {
		return err
	}
	fields, _, err := s.convert(c, values)
	if err != nil {
		return err
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("write it as JSON: %w", err)
	}
	return f.add(c, plan.APIObject{Kind: s.kind, Name: string(name), Labels: labels, Annotations: annotations, Spec: data})
}

// add takes an object in. The same one may be registered again, by two files that need it.
func (f *Family) add(c *kit.Call, o plan.APIObject) error {
	key := id{o.Kind, o.Name}
	if first, ok := f.objects[key]; ok {
		if equal(first.object, o) {
			return nil
		}
		at := first.trace[0]
		return kit.Hint(fmt.Errorf("%s %q is already registered, at %s:%d, and is another one there", o.Kind, o.Name, c.Display(at.File), at.Line),
			"give it another name, or register the same object")
	}
	for _, hook := range f.hooks[o.Kind] {
		if err := hook(c, o); err != nil {
			return err
		}
	}
	f.objects[key] = registered{object: o, trace: c.Trace()}
	f.run.Plan.Objects = append(f.run.Plan.Objects, o)
	return nil
}

func equal(a, b plan.APIObject) bool {
	return maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) && string(a.Spec) == string(b.Spec)
}

// unpack reads the arguments of a call: first those that are not fields, then a value for each field that was given.
func unpack(c *kit.Call, s *spec, first []any) (map[string]gostarlark.Value, error) {
	given := make([]gostarlark.Value, len(s.fields))
	pairs := first
	for i, f := range s.fields {
		pairs = append(pairs, f.name+"?", &given[i])
	}
	if err := c.Unpack(pairs...); err != nil {
		return nil, err
	}
	values := map[string]gostarlark.Value{}
	for i, f := range s.fields {
		if given[i] != nil && given[i] != gostarlark.None {
			values[f.name] = given[i]
		}
	}
	return values, nil
}
