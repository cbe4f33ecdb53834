package kube

import (
	"errors"
	"fmt"
	"slices"

	"github.com/distribution/reference"
	"k8s.io/client-go/util/jsonpath"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
)

// injectAt puts our images where a locator says that the object names some, and reports whether there was a place for one.
func (s *imageSet) injectAt(object map[string]any, l plan.ImageLocator) (ours bool, err error) {
	found, err := find(object, l.Path)
	if err != nil {
		return false, err
	}
	if l.RepoField != "" {
		for _, value := range found {
			fields, ok := value.(map[string]any)
			if !ok {
				return ours, fmt.Errorf("at %s there is no object", l.Path)
			}
			split, err := s.injectSplit(fields, l)
			if err != nil {
				return ours, err
			}
			ours = ours || split
		}
		return ours, nil
	}
	var names []string
	for _, value := range found {
		name, ok := value.(string)
		if !ok {
			return ours, fmt.Errorf("at %s there is no string", l.Path)
		}
		image := s.find(name)
		if image == nil {
			continue
		}
		if err := rejectEntrypoint(image); err != nil {
			return ours, err
		}
		names = append(names, name)
	}
	replaced := false
	walkStrings(object, func(text string, set func(string)) {
		if err != nil || !slices.Contains(names, text) {
			return
		}
		var here bool
		if here, err = isAt(object, l.Path, text, set); here {
			image := s.find(text)
			image.found, replaced = true, true
			set(image.Ref)
		}
	})
	return replaced, err
}

// find evaluates a JSONPath.
func find(object map[string]any, path string) (values []any, err error) {
	parser := jsonpath.New("")
	if err := parser.Parse(path); err != nil {
		return nil, err
	}
	results, err := parser.FindResults(object)
	if err != nil {
		return nil, err
	}
	for _, list := range results {
		for _, value := range list {
			values = append(values, value.Interface())
		}
	}
	return values, nil
}

// marker is a text that no object has.
const marker = "\x00envflow"

// isAt reports whether a string of the object is one that the path finds. The library returns values, not their places: so the
// string becomes a marker for a moment, and the path is asked whether it finds that.
func isAt(object map[string]any, path, text string, set func(string)) (bool, error) {
	set(marker)
	defer set(text)
	values, err := find(object, path)
	return slices.Contains(values, any(marker)), err
}

// walkStrings calls visit for each string in a tree of JSON. set puts another in its place.
func walkStrings(tree any, visit func(text string, set func(string))) {
	switch tree := tree.(type) {
	case map[string]any:
		for key, value := range tree {
			if text, ok := value.(string); ok {
				visit(text, func(s string) { tree[key] = s })
			} else {
				walkStrings(value, visit)
			}
		}
	case []any:
		for i, value := range tree {
			if text, ok := value.(string); ok {
				visit(text, func(s string) { tree[i] = s })
			} else {
				walkStrings(value, visit)
			}
		}
	}
}

// injectSplit puts an image into an object that holds its name and its tag in two fields.
func (s *imageSet) injectSplit(fields map[string]any, l plan.ImageLocator) (ours bool, err error) {
	repo, _ := fields[l.RepoField].(string)
	tag, _ := fields[l.TagField].(string)
	name := repo
	if tag != "" {
		name += ":" + tag
	}
	image := s.find(name)
	if image == nil {
		return false, nil
	}
	if err := rejectEntrypoint(image); err != nil {
		return false, err
	}
	named, err := reference.ParseNormalizedNamed(image.Ref)
	if err != nil {
		return false, err
	}
	tagged, ok := named.(reference.Tagged)
	if !ok {
		return false, failure.UserError(errors.New("the image has no tag"), "%s has no tag to put into %s", image.Image.Ref, l.TagField)
	}
	fields[l.RepoField] = reference.FamiliarName(named)
	fields[l.TagField] = tagged.Tag()
	image.found = true
	return true, nil
}

// rejectEntrypoint refuses what only the container of a pod can have, as Tilt does.
func rejectEntrypoint(image *imageMatch) error {
	if len(image.Image.Entrypoint) == 0 && image.Image.ContainerArgs == nil {
		return nil
	}
	err := fmt.Errorf("the image %s has an entrypoint or container_args, which only containers of pods can be given", image.Image.Ref)
	return failure.UserError(err, "%s", err)
}
