package k8s

import (
	"errors"
	"fmt"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/arguments"
	"github.com/envflow/envflow/starlark/kit"
)

// kind is what k8s_kind and k8s_image_json_path say of the objects that a selector means: each is a workload.
type kind struct {
	selector  *selector
	locators  []plan.ImageLocator
	readiness string // "" if it says nothing
	trace     kit.Trace
}

// kindOf returns the kind of a selector, made if there is none.
func (f *Family) kindOf(s *selector, trace kit.Trace) *kind {
	for _, k := range f.kinds {
		if k.selector.String() == s.String() {
			return k
		}
	}
	k := &kind{selector: s, trace: trace}
	f.kinds = append(f.kinds, k)
	return k
}

func (f *Family) k8sKind(c *kit.Call) (gostarlark.Value, error) {
	var pattern, apiVersion, readiness kit.Str
	var paths jsonPaths
	var object imageObject
	if err := c.Unpack("kind", &pattern, "image_json_path?", &paths, "api_version??", &apiVersion, "image_object?", &object,
		"pod_readiness??", &readiness); err != nil {
		return nil, err
	}
	if len(c.Args) > 1 { // as in Tilt: k8s_kind('Environment', '{.spec.x}') does not say what the second is
		return nil, kit.Hint(fmt.Errorf("got %d arguments without a name, want one", len(c.Args)), "write image_json_path=...")
	}
	if len(paths) > 0 && object.locator != nil {
		return nil, errors.New("image_json_path and image_object exclude each other")
	}
	mode, err := arguments.OneOf("pod_readiness", string(readiness), plan.ReadinessWait, plan.ReadinessSucceeded, plan.ReadinessIgnore)
	if err != nil {
		return nil, err
	}
	s, err := newSelector(string(apiVersion), string(pattern), "", "")
	if err != nil {
		return nil, err
	}
	paths.warn(c)
	k := f.kindOf(s, c.Trace())
	switch {
	case len(paths) > 0:
		k.locators = paths
	case object.locator != nil:
		k.locators = []plan.ImageLocator{*object.locator}
	}
	if mode != "" {
		k.readiness = mode
	}
	return nil, nil
}

// imageJSONPath is the older way, which can also mean objects by name and namespace.
func (f *Family) imageJSONPath(c *kit.Call) (gostarlark.Value, error) {
	var paths jsonPaths
	var apiVersion, pattern, name, namespace kit.Str
	if err := c.Unpack("paths", &paths, "api_version??", &apiVersion, "kind??", &pattern, "name??", &name, "namespace??", &namespace); err != nil {
		return nil, err
	}
	if pattern == "" && name == "" && namespace == "" {
		return nil, errors.New("it needs at least one of kind, name and namespace")
	}
	s, err := newSelector(string(apiVersion), string(pattern), string(name), string(namespace))
	if err != nil {
		return nil, err
	}
	paths.warn(c)
	f.kindOf(s, c.Trace()).locators = paths
	return nil, nil
}

// locateImages finds the images that objects name at the places k8s_kind and k8s_image_json_path tell.
func (f *Family) locateImages() error {
	for _, o := range f.objects {
		for _, k := range f.kinds {
			if !k.selector.matches(o) {
				continue
			}
			o.isKind = true
			if k.readiness != "" {
				o.readiness = k.readiness
			}
			for _, l := range k.locators {
				images, err := imagesAt(o.JSON, l)
				if err != nil {
					return kit.At(k.trace, "k8s_kind", fmt.Errorf("the %s %s: %w", o.Kind, o.Name, err))
				}
				for _, image := range images {
					o.addImage(image)
				}
				o.Locators = append(o.Locators, l)
			}
		}
	}
	return nil
}
