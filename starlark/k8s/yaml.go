package k8s

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	gostarlark "go.starlark.net/starlark"

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
		found, err := parse(c.Cache, text, name)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			objects = append(objects, &object{manifest: m})
		}
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
		return "", "", kit.Unread(path, err)
	}
	return string(data), path, nil
}

func (f *Family) add(o *object, duplicates kit.OptBool) error {
	if o.Name == "" {
		return kit.Hint(fmt.Errorf("%s: the %s has no metadata.name", o.at, o.Kind), "filter_yaml can leave it out")
	}
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

// yamlError names the file and the line in it, not in the document.
func yamlError(err error, name string, first int) error {
	return fmt.Errorf("%s is not valid YAML: %s", orText(name), kit.YAMLProblem(err, first))
}

func orText(name string) string {
	if name == "" {
		return "the blob"
	}
	return name
}
