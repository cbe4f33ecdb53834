package config

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// Family holds the definitions and the choice of resources of one evaluation.
type Family struct {
	run        *kit.Run
	settings   map[string]*setting
	names      []string // of settings, in the order of definition
	positional string   // the setting that takes arguments without a flag
	parsedIn   string   // the folder parse was called in, "" before
	enabled    []string
	chosenAt   kit.Trace
	disableAll bool
}

//go:embed builtins.md
var docs string

// New registers the family.
func New(run *kit.Run) *Family {
	run.Document(docs)
	f := &Family{run: run, settings: map[string]*setting{}}
	run.Value("config.tilt_subcommand", gostarlark.String(run.Subcommand))
	run.Value("config.main_path", gostarlark.String(run.Path))
	run.Value("config.main_dir", gostarlark.String(run.Dir()))
	for _, k := range []kind{kindString, kindList, kindBool, kindObject} {
		run.Builtin("config.define_"+string(k), func(c *kit.Call) (gostarlark.Value, error) { return f.define(c, k) })
	}
	run.Builtin("config.parse", f.parse)
	run.Builtin("config.set_enabled_resources", func(c *kit.Call) (gostarlark.Value, error) {
		var names kit.Strs
		if err := c.Unpack("resources", &names); err != nil {
			return nil, err
		}
		f.enabled, f.chosenAt, f.disableAll = names, c.Trace(), false
		return nil, nil
	})
	run.Builtin("config.clear_enabled_resources", func(c *kit.Call) (gostarlark.Value, error) {
		f.enabled, f.disableAll = nil, true
		return nil, c.Unpack()
	})
	run.OnFinish(f.enable)
	return f
}

// enable marks the resources that were asked for, with all they depend on. Without a choice all are.
func (f *Family) enable() error {
	var on map[string]bool
	switch wanted, err := f.wanted(); {
	case err != nil:
		return err
	case f.disableAll:
		on = map[string]bool{}
	case len(wanted) > 0:
		on = map[string]bool{plan.Uncategorized: true}
		if err := f.closure(wanted, on); err != nil {
			return err
		}
	}
	for i := range f.run.Plan.Resources {
		r := &f.run.Plan.Resources[i]
		r.Enabled = on == nil || on[r.Name]
	}
	return nil
}

// wanted returns the names that were asked for: by set_enabled_resources, or on the command line if no config.parse took that.
func (f *Family) wanted() ([]string, error) {
	if len(f.enabled) > 0 {
		return f.enabled, nil
	}
	if f.parsedIn != "" {
		return nil, nil
	}
	args := f.run.Arguments()
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			return nil, kit.Hint(fmt.Errorf("the argument %s is not known: the Tiltfile reads no arguments", arg),
				"a Tiltfile defines arguments with config.define_string and its like, and reads them with config.parse")
		}
	}
	return args, nil
}

func (f *Family) closure(names []string, on map[string]bool) error {
	var unknown, known []string
	for _, r := range f.run.Plan.Resources {
		known = append(known, r.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(known)
		err := fmt.Errorf("no such resource: %s; there are: %s", strings.Join(unknown, ", "), strings.Join(known, ", "))
		err = kit.DidYouMean(err, unknown[0], known)
		if len(f.enabled) > 0 {
			return kit.At(f.chosenAt, "config.set_enabled_resources", err)
		}
		return err
	}
	for todo := slices.Clone(names); len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		r := f.run.Plan.Resource(name)
		if r == nil {
			continue
		}
		on[name] = true
		for _, dep := range r.DependsOn {
			if !on[dep] {
				todo = append(todo, dep)
			}
		}
	}
	return nil
}

func (f *Family) define(c *kit.Call, k kind) (gostarlark.Value, error) {
	var name, usage kit.Str
	var args kit.OptBool
	if err := c.Unpack("name", &name, "args?", &args, "usage?", &usage); err != nil {
		return nil, err
	}
	switch {
	case f.parsedIn != "":
		return nil, errors.New("it comes after config.parse")
	case name == "" || strings.HasPrefix(string(name), "-") || strings.ContainsAny(string(name), "= \t\n"):
		return nil, fmt.Errorf("%q cannot be the name of a setting", name)
	case f.settings[string(name)] != nil:
		return nil, fmt.Errorf("%s is defined twice", name)
	case args.Value && f.positional != "":
		return nil, fmt.Errorf("only one setting can take arguments without a flag, and %s does", f.positional)
	}
	if args.Value {
		f.positional = string(name)
	}
	f.settings[string(name)] = &setting{kind: k, usage: string(usage)}
	f.names = append(f.names, string(name))
	return nil, nil
}
