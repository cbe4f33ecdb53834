package k8s

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	gostarlark "go.starlark.net/starlark"
	"k8s.io/client-go/util/jsonpath"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// jsonPaths takes the argument image_json_path: a path or a list of them.
type jsonPaths []plan.ImageLocator

// Unpack implements starlark.Unpacker.
func (j *jsonPaths) Unpack(v gostarlark.Value) error {
	var paths kit.Strs
	if err := paths.Unpack(v); err != nil {
		return err
	}
	for _, path := range paths {
		if err := checkPath(path); err != nil {
			return err
		}
		*j = append(*j, plan.ImageLocator{Path: path})
	}
	return nil
}

// warn tells of paths that find nothing, which Tilt takes as well.
func (j jsonPaths) warn(c *kit.Call) {
	for _, l := range j {
		if isText(l.Path) {
			c.Warnf("%s names no field and finds nothing: write '{.%s}'", l.Path, strings.TrimPrefix(l.Path, "."))
		}
	}
}

// imageObject takes the argument image_object: a dict that says which fields of an object hold the image's name and tag.
type imageObject struct{ locator *plan.ImageLocator }

// Unpack implements starlark.Unpacker.
func (i *imageObject) Unpack(v gostarlark.Value) error {
	var fields kit.StrDict
	if err := fields.Unpack(v); err != nil || fields == nil {
		return err
	}
	l := &plan.ImageLocator{}
	keys := map[string]*string{"json_path": &l.Path, "repo_field": &l.RepoField, "tag_field": &l.TagField}
	for key, value := range fields {
		into, ok := keys[key]
		if !ok {
			return fmt.Errorf("unknown key %q, want json_path, repo_field and tag_field", key)
		}
		*into = value
	}
	for key, value := range keys {
		if *value == "" {
			return fmt.Errorf("%s is missing: write {'json_path': '{.spec.image}', 'repo_field': 'repo', 'tag_field': 'tag'}", key)
		}
	}
	i.locator = l
	return checkPath(l.Path)
}

// isText reports whether a JSONPath is without braces: by its syntax that is plain text, which finds nothing.
func isText(path string) bool { return !strings.Contains(path, "{") }

// checkPath refuses what is not a JSONPath.
func checkPath(path string) error {
	if err := jsonpath.New("").Parse(path); err != nil {
		return fmt.Errorf("%q is not a JSONPath: %w", path, err)
	}
	return nil
}

// imagesAt returns the images that an object names at a locator.
func imagesAt(object json.RawMessage, l plan.ImageLocator) ([]string, error) {
	var fields map[string]any
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	if isText(l.Path) {
		return nil, nil
	}
	parser := jsonpath.New("")
	if err := parser.Parse(l.Path); err != nil {
		return nil, err
	}
	results, err := parser.FindResults(fields)
	if err != nil {
		return nil, fmt.Errorf("there is nothing at %s: %w", l.Path, err)
	}
	var images []string
	for _, list := range results {
		for _, found := range list {
			image, err := imageIn(found.Interface(), l)
			if err != nil {
				return nil, fmt.Errorf("at %s: %w", l.Path, err)
			}
			images = append(images, image)
		}
	}
	return images, nil
}

func imageIn(found any, l plan.ImageLocator) (string, error) {
	if l.RepoField == "" {
		image, ok := found.(string)
		if !ok {
			return "", errors.New("there is no string")
		}
		if _, err := reference.ParseNormalizedNamed(image); err != nil {
			return "", fmt.Errorf("%q is not the name of an image: %w", image, err)
		}
		return image, nil
	}
	repo := str(found, l.RepoField)
	if repo == "" {
		return "", fmt.Errorf("there is no field %s", l.RepoField)
	}
	if tag := str(found, l.TagField); tag != "" {
		return repo + ":" + tag, nil
	}
	return repo, nil
}
