package starlark

import (
	"fmt"
	"slices"
	"strings"

	"github.com/envflow/envflow/starlark/kit"
)

// checkDependencies drops dependencies on what is not there, with a warning, and refuses those that never come true.
func checkDependencies(run *kit.Run) error {
	for i := range run.Plan.Resources {
		r := &run.Plan.Resources[i]
		r.DependsOn = slices.DeleteFunc(r.DependsOn, func(dep string) bool {
			if run.Plan.Resource(dep) != nil {
				return false
			}
			warnUnknown(run, r.Name, dep)
			return true
		})
		if slices.Contains(r.DependsOn, r.Name) {
			return kit.At(run.Origin(r.Name), "resource_deps", fmt.Errorf("resource %s depends on itself", r.Name))
		}
	}
	done := map[string]bool{}
	for _, r := range run.Plan.Resources {
		if cycle := findCycle(run, r.Name, done, nil); cycle != nil {
			return kit.At(run.Origin(cycle[0]), "resource_deps", fmt.Errorf("resources depend on each other: %s", strings.Join(cycle, " -> ")))
		}
	}
	return nil
}

func warnUnknown(run *kit.Run, name, dep string) {
	w := kit.Warning{
		At: run.Origin(name), Builtin: "resource_deps", Rule: kit.RuleUnknownDependency,
		Text: fmt.Sprintf("resource %s depends on %s, which does not exist; the dependency is ignored", name, dep),
	}
	var names []string
	for _, r := range run.Plan.Resources {
		if r.Name != name {
			names = append(names, r.Name)
		}
	}
	if near := kit.Closest(dep, names); near != "" {
		w.Hint = fmt.Sprintf("did you mean %s?", near)
	}
	run.AddWarning(w)
}

// findCycle returns names that lead from a resource to itself, nil if there are none.
func findCycle(run *kit.Run, name string, done map[string]bool, path []string) []string {
	if done[name] {
		return nil
	}
	if i := slices.Index(path, name); i >= 0 {
		return append(slices.Clone(path[i:]), name)
	}
	for _, dep := range run.Plan.Resource(name).DependsOn {
		if cycle := findCycle(run, dep, done, append(path, name)); cycle != nil {
			return cycle
		}
	}
	done[name] = true
	return nil
}
