package k8s

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	gostarlark "go.starlark.net/starlark"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

func (f *Family) k8sYAML(c *kit.Call) (gostarlark.Value, error) {
	var sources gostarlark.Value
	var duplicates kit.OptBool
	if err := c.Unpack("yaml", &sources, "allow_duplicates?", &duplicates); err != nil {
		return nil, err
	}
	objects, err := f.read(c, sources)
	if err != nil {
		return nil, err
	}
	trace := c.Trace()
	for _, o := range objects {
		o.trace = trace
		if err := f.add(o, duplicates); err != nil {
			return nil, err
		}
	}
	if len(objects) > 0 {
		return nil, nil
	}
	list := kit.OneOrMore(sources)
	if len(list) == 0 {
		return nil, errors.New("it names no YAML")
	}
	if path, isText := list[0].(gostarlark.String); isText { // as in Tilt: a generator may have made an empty file
		c.Warnf("%s has no objects", string(path))
		return nil, nil
	}
	return nil, errors.New("the YAML has no objects")
}

// read returns the objects of a path, a Blob or a list of them.
func (f *Family) read(c *kit.Call, sources gostarlark.Value) ([]*object, error) {
	var objects []*object
	for _, source := range kit.OneOrMore(sources) {
		text, name, err := f.load(c, source)
		if err != nil {
			return nil, err
		}
		found, err := parse(text, name)
		if err != nil {
			return nil, err
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

// load returns the text of a path or Blob. The name is "" for a Blob.
func (f *Family) load(c *kit.Call, source gostarlark.Value) (text, name string, err error) {
	if blob, ok := source.(*kit.Blob); ok {
		return blob.Text, "", nil
	}
	path, ok := kit.Text(source)
	if !ok {
		return "", "", fmt.Errorf("got %s, want a path, a blob or a list of them", source.Type())
	}
	data, err := c.ReadFile(c.Path(path))
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.Contains(path, "\n"):
		return "", "", kit.Hint(errors.New("there is no such file"), "YAML text has to be in a blob: k8s_yaml(blob(text))")
	case errors.Is(err, fs.ErrNotExist):
		return "", "", kit.Hint(fmt.Errorf("there is no file %s", path), "paths start from %s", c.WorkingDir())
	case err != nil:
		return "", "", err
	}
	return string(data), path, nil
}

func (f *Family) add(o *object, duplicates kit.OptBool) error {
	o.scope = o.Namespace
	if o.scope == "" {
		o.scope = f.namespace()
	}
	key := strings.Join([]string{o.group, o.Kind, o.scope, o.Name}, "\x00")
	if first, ok := f.byID[key]; ok && !duplicates.Value {
		at := first.trace[0]
		return kit.Hint(fmt.Errorf("the %s %s is defined twice; the first is at %s:%d", o.Kind, o.Name, f.run.Display(at.File), at.Line),
			"allow_duplicates=True takes both")
	}
	f.byID[key] = o
	o.index = len(f.objects)
	f.objects = append(f.objects, o)
	return nil
}

// parse returns the objects of a YAML text. The items of a List are objects of their own.
func parse(text, name string) ([]*object, error) {
	var objects []*object
	for _, doc := range kit.SplitYAML(text) {
		data, err := yaml.YAMLToJSON([]byte(doc.Text))
		if err != nil {
			return nil, yamlError(err, name, doc.Line)
		}
		if bytes.Equal(data, []byte("null")) {
			continue
		}
		found, err := parseObject(data)
		if err != nil {
			return nil, fmt.Errorf("%s, the document at line %d: %w", orText(name), doc.Line, err)
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

func parseObject(data []byte) ([]*object, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, errors.New("it is not a Kubernetes object")
	}
	kind, apiVersion := str(fields, "kind"), str(fields, "apiVersion")
	if kind == "" || apiVersion == "" {
		return nil, kit.Hint(errors.New("it is not a Kubernetes object: kind or apiVersion is missing"), "k8s_yaml takes manifests only")
	}
	if items, ok := fields["items"].([]any); ok && strings.HasSuffix(kind, "List") {
		return parseItems(items, strings.TrimSuffix(kind, "List"), apiVersion)
	}
	if kind == "List" {
		return nil, nil
	}
	name := str(fields, "metadata", "name")
	if name == "" {
		return nil, fmt.Errorf("the %s has no metadata.name", kind)
	}
	o := &object{fields: fields, Object: plan.Object{
		APIVersion: apiVersion, Kind: kind, Namespace: str(fields, "metadata", "namespace"), Name: name, JSON: data,
	}}
	o.inspect()
	return []*object{o}, nil
}

// parseItems returns the items of a list. Those of a typed one, such as ConfigMapList, need not say their kind.
func parseItems(items []any, kind, apiVersion string) ([]*object, error) {
	var objects []*object
	for _, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, errors.New("an item of the list is not an object")
		}
		if kind != "" && fields["kind"] == nil {
			fields["kind"], fields["apiVersion"] = kind, apiVersion
		}
		data, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		found, err := parseObject(data)
		if err != nil {
			return nil, err
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// yamlError names the file and the line in it, not in the document.
func yamlError(err error, name string, first int) error {
	text := yamlLine.ReplaceAllStringFunc(strings.TrimPrefix(err.Error(), "yaml: "), func(found string) string {
		n, convErr := strconv.Atoi(strings.TrimPrefix(found, "line "))
		if convErr != nil {
			return found
		}
		return "line " + strconv.Itoa(n+first-1)
	})
	return fmt.Errorf("%s is not valid YAML: %s", orText(name), text)
}

func orText(name string) string {
	if name == "" {
		return "the blob"
	}
	return name
}
