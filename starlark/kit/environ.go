package kit

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	gostarlark "go.starlark.net/starlark"
)

// Environ is the environment of an evaluation: a dict that later commands see. It is never frozen, so that a loaded file
// that names it does not freeze it for all.
type Environ struct {
	*gostarlark.Dict
	start map[string]string
}

var (
	_ gostarlark.HasSetKey       = (*Environ)(nil)
	_ gostarlark.HasAttrs        = (*Environ)(nil)
	_ gostarlark.IterableMapping = (*Environ)(nil)
)

func newEnviron(list []string) *Environ {
	e := &Environ{Dict: gostarlark.NewDict(len(list)), start: map[string]string{}}
	for _, each := range list {
		if key, value, ok := strings.Cut(each, "="); ok && key != "" {
			e.Put(key, value)
			e.start[key] = value
		}
	}
	return e
}

// Type implements starlark.Value.
func (e *Environ) Type() string { return "environ" }

// Freeze implements starlark.Value.
func (e *Environ) Freeze() {}

// SetKey implements starlark.HasSetKey.
func (e *Environ) SetKey(key, value gostarlark.Value) error {
	k, ok := Text(key)
	if !ok {
		return fmt.Errorf("os.environ: the name is a %s, want a string", key.Type())
	}
	v, ok := Text(value)
	if !ok {
		return Hint(fmt.Errorf("os.environ: the value of %s is a %s, want a string", k, value.Type()), "write str(...) around it")
	}
	return e.Dict.SetKey(gostarlark.String(k), gostarlark.String(v))
}

// Iterate implements starlark.Iterable. It goes over the names there are now, since a dict cannot change while it is iterated over,
// and a Tiltfile may want to unset all of a kind.
func (e *Environ) Iterate() gostarlark.Iterator { return gostarlark.NewList(e.Keys()).Iterate() }

// Lookup returns the value of a variable.
func (e *Environ) Lookup(name string) (string, bool) {
	v, ok, err := e.Get(gostarlark.String(name))
	if err != nil || !ok {
		return "", false
	}
	return Text(v)
}

// Put sets a variable. It works always: a string can be a key, and the dict is never frozen nor iterated over.
func (e *Environ) Put(name, value string) {
	_ = e.Dict.SetKey(gostarlark.String(name), gostarlark.String(value))
}

// Remove drops a variable. It works always, as Put.
func (e *Environ) Remove(name string) {
	_, _, _ = e.Delete(gostarlark.String(name))
}

// List returns the variables as NAME=value, sorted.
func (e *Environ) List() []string {
	var list []string
	for name, value := range e.variables() {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// Changed reports whether the Tiltfile has set or removed a variable.
func (e *Environ) Changed(name string) bool {
	was, had := e.start[name]
	is, has := e.Lookup(name)
	return has != had || is != was
}

// Changes returns what is not as it was at the start: variables that are new or have another value, nil if there are none, and
// the sorted names of those that are gone.
func (e *Environ) Changes() (set map[string]string, unset []string) {
	now := e.variables()
	for name := range e.start {
		if _, ok := now[name]; !ok {
			unset = append(unset, name)
		}
	}
	slices.Sort(unset)
	maps.DeleteFunc(now, func(name, value string) bool {
		before, ok := e.start[name]
		return ok && before == value
	})
	if len(now) == 0 {
		now = nil
	}
	return now, unset
}

// variables leaves out what is no text: the dict's own methods, such as update, do not check.
func (e *Environ) variables() map[string]string {
	all := map[string]string{}
	for _, item := range e.Items() {
		k, okK := Text(item[0])
		v, okV := Text(item[1])
		if okK && okV {
			all[k] = v
		}
	}
	return all
}

// LookPath returns the path of a program, as the PATH of this environment has it. A name with a slash is none that it looks for.
func (e *Environ) LookPath(program string) (string, error) {
	list, _ := e.Lookup("PATH")
	for _, dir := range filepath.SplitList(list) {
		if filepath.Base(program) != program || !filepath.IsAbs(dir) {
			continue // what is relative is found in one folder only
		}
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", &exec.Error{Name: program, Err: exec.ErrNotFound}
}
