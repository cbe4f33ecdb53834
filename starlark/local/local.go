package local

import (
	"cmp"
	_ "embed"
	"path/filepath"
	"slices"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/ignores"
	"github.com/envflow/envflow/starlark/kit"
	"github.com/envflow/envflow/starlark/settings"
)

// Family holds the local resources of one evaluation.
type Family struct {
	run       *kit.Run
	settings  *settings.Family
	ignores   *ignores.Family
	resources []*resource
}

// resource is one local_resource.
type resource struct {
	plan   plan.Resource // TriggerMode is "" if the call names none
	dir    string        // of the file that was executed
	ignore []string      // patterns, relative to dir
}

//go:embed builtins.md
var docs string

// New registers the family. ignore tells which files are left out.
func New(run *kit.Run, ignore *ignores.Family, setting *settings.Family) *Family {
	run.Document(docs)
	f := &Family{run: run, settings: setting, ignores: ignore}
	run.Builtin(localResource, f.localResource)
	run.Builtin("test", f.localResource)
	run.Builtin("probe", probe)
	run.Builtin("exec_action", execAction)
	run.Builtin("http_get_action", httpGetAction)
	run.Builtin("tcp_socket_action", tcpSocketAction)
	run.OnAssemble(f.assemble)
	return f
}

// assemble adds the resources to the plan, in the order of their definition.
func (f *Family) assemble() error {
	for _, r := range f.resources {
		r.plan.TriggerMode = cmp.Or(r.plan.TriggerMode, f.settings.TriggerMode())
		r.plan.Local.Ignores = f.ignoresOf(r)
		f.run.AddResource(r.plan)
	}
	return nil
}

// ignoresOf returns the ignores of what a resource depends on: those that always hold, of the environment, and its ignore=.
func (f *Family) ignoresOf(r *resource) []plan.Ignore {
	deps := r.plan.Local.Deps
	if len(deps) == 0 {
		return nil
	}
	var list []plan.Ignore
	for _, base := range bases(r.dir, deps) {
		list = append(list, ignores.Editors(base))
	}
	list = append(list, f.ignores.Git(append([]string{r.dir}, deps...)...)...)
	list = append(list, f.ignores.Watch()...)
	if patterns := ignores.Patterns(r.ignore); len(patterns) > 0 {
		list = append(list, plan.Ignore{Base: r.dir, Patterns: patterns, Source: "local_resource(ignore=...)"})
	}
	return list
}

// bases returns folders that all deps are below. They do not depend on what is on disk, so that a dependency which an update makes
// does not change the plan.
func bases(dir string, deps []string) []string {
	var list []string
	for _, dep := range deps {
		base := dir
		if rel, err := filepath.Rel(dir, dep); err != nil || !filepath.IsLocal(rel) {
			base = filepath.Dir(dep)
		}
		if !slices.Contains(list, base) {
			list = append(list, base)
		}
	}
	return list
}
