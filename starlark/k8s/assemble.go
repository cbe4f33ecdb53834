package k8s

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/arguments"
	"github.com/envflow/envflow/starlark/kit"
)

// resource is a resource while it is put together.
type resource struct {
	name     string
	trace    kit.Trace
	objects  []*object
	options  plan.Kubernetes
	labels   []string
	links    []plan.Link
	deps     []string
	trigger  string
	autoInit bool

	imageDeps []string // of a custom deploy
	images    []string // Image.Ref of the images that these mean, in build order
}

// assemble turns objects into resources, in Tilt's order: workloads with their Services, what else makes pods, k8s_resource, and
// the rest.
func (f *Family) assemble() error {
	if err := f.checkContext(); err != nil {
		return err
	}
	if err := f.locateImages(); err != nil {
		return err
	}
	workloads, err := f.names(f.free(func(o *object) bool {
		return o.isKind || len(o.images) > 0 || slices.ContainsFunc(o.envValues, f.images.MatchesInEnv)
	}))
	if err != nil {
		return err
	}
	f.groupWorkloads(workloads)
	f.groupWorkloads(uniqueNames(f.free(func(o *object) bool { return o.hasPods })))
	for _, o := range f.options {
		if err := f.apply(o); err != nil {
			return kit.At(o.trace, "k8s_resource", err)
		}
	}
	var rest []*object
	for _, o := range f.objects {
		if o.taken == nil {
			rest = append(rest, o)
		}
	}
	if len(rest) > 0 {
		r := f.newResource(plan.Uncategorized, rest[0].trace)
		r.options.PodReadiness = plan.ReadinessIgnore
		for _, o := range rest {
			r.take(o)
		}
	}
	for _, r := range f.resources {
		if err := f.run.Claim(r.name, r.trace); err != nil {
			return kit.At(r.trace, "k8s_yaml", kit.Hint(err, "k8s_resource(%q, new_name=...) renames this one", r.name))
		}
		if r.options.Custom != nil {
			if err := f.finishCustom(r); err != nil {
				return err
			}
		}
		f.run.AddResource(f.finished(r))
	}
	return nil
}

// named is an object with the name of the resource it becomes.
type named struct {
	object *object
	name   string
}

// free returns the objects that belong to no resource yet and are of a sort.
func (f *Family) free(is func(o *object) bool) (list []*object) {
	for _, o := range f.objects {
		if o.taken == nil && is(o) {
			list = append(list, o)
		}
	}
	return list
}

// groupWorkloads makes a resource of each workload, with the Services for its pods.
func (f *Family) groupWorkloads(workloads []named) {
	services := indexServices(f.free(func(o *object) bool { return len(o.selector) > 0 }))
	for _, w := range workloads {
		r := f.newResource(f.freeName(w.name), w.object.trace)
		r.take(w.object)
		for _, s := range services.candidates(w.object) {
			if s.taken == nil && s.selects(w.object) {
				r.take(s)
			}
		}
	}
}

// serviceIndex finds Services by their namespace and one label that they select.
type serviceIndex map[[3]string][]*object

func indexServices(services []*object) serviceIndex {
	index := serviceIndex{}
	for _, s := range services {
		label := slices.Min(slices.Collect(maps.Keys(s.selector)))
		key := [3]string{s.scope, label, s.selector[label]}
		index[key] = append(index[key], s)
	}
	return index
}

// candidates returns the Services that may select a workload's pods, in the order of the YAML.
func (x serviceIndex) candidates(w *object) (list []*object) {
	for label, value := range w.labels {
		list = append(list, x[[3]string{w.scope, label, value}]...)
	}
	slices.SortFunc(list, func(a, b *object) int { return cmp.Compare(a.index, b.index) })
	return list
}

// freeName adds a number to the name of an object that is there twice, by allow_duplicates.
func (f *Family) freeName(name string) string {
	free := name
	for n := 2; f.resource(free) != nil; n++ {
		free = fmt.Sprintf("%s:%d", name, n)
	}
	return free
}

func (f *Family) newResource(name string, trace kit.Trace) *resource {
	r := &resource{name: name, trace: trace, autoInit: true}
	f.resources = append(f.resources, r)
	return r
}

func (f *Family) resource(name string) *resource {
	for _, r := range f.resources {
		if r.name == name {
			return r
		}
	}
	return nil
}

func (r *resource) take(o *object) {
	o.taken = r
	r.objects = append(r.objects, o)
}

// apply carries out one k8s_resource. Lists grow, single values replace what an earlier call said.
func (f *Family) apply(o *options) error {
	r, err := f.target(o)
	if err != nil {
		return err
	}
	for _, selector := range o.objects {
		found, err := f.selectObject(selector)
		if err != nil {
			return err
		}
		r.take(found)
	}
	r.options.PortForwards = append(r.options.PortForwards, o.portForwards...)
	r.options.ExtraPodSelectors = append(r.options.ExtraPodSelectors, o.extraPodSelectors...)
	r.labels = arguments.AppendNew(r.labels, o.labels)
	r.links = append(r.links, o.links...)
	r.deps = arguments.AppendNew(r.deps, o.deps)
	r.options.PodReadiness = cmp.Or(o.podReadiness, r.options.PodReadiness)
	r.options.DiscoveryStrategy = cmp.Or(o.discovery, r.options.DiscoveryStrategy)
	r.trigger = cmp.Or(o.triggerMode, r.trigger)
	if o.autoInit.Given {
		r.autoInit = o.autoInit.Value
	}
	return nil
}

// target returns the resource that a k8s_resource means, renamed or made if it says so.
func (f *Family) target(o *options) (*resource, error) {
	var r *resource
	if o.workload != "" {
		if r = f.resource(o.workload); r == nil {
			return nil, f.unknown(o.workload)
		}
	}
	if o.newName == "" || r != nil && r.name == o.newName {
		return r, nil
	}
	if f.resource(o.newName) != nil {
		return nil, fmt.Errorf("there is a resource %s already", o.newName)
	}
	if err := f.run.CheckName(o.newName); err != nil { // a local_resource has claimed it when it was executed
		return nil, err
	}
	if r == nil {
		return f.newResource(o.newName, o.trace), nil
	}
	r.name = o.newName
	return r, nil
}

func (f *Family) unknown(name string) error {
	if at := f.run.Origin(name); len(at) > 0 { // only a local_resource has claimed its name so early
		return kit.Hint(fmt.Errorf("%s is the local_resource at %s:%d", name, f.run.Display(at[0].File), at[0].Line),
			"give the arguments to local_resource itself")
	}
	var known []string
	for _, r := range f.resources {
		known = append(known, r.name)
	}
	slices.Sort(known)
	err := fmt.Errorf("there is no resource %q; there are: %s", name, strings.Join(known, ", "))
	for _, o := range f.options {
		if o.workload == name && o.newName != "" && f.resource(o.newName) != nil {
			return kit.Hint(err, "it was renamed to %s", o.newName)
		}
	}
	for _, o := range f.objects {
		if o.taken == nil && strings.EqualFold(o.Name, name) {
			return kit.Hint(err, "%s runs no containers: group it with k8s_resource(new_name=..., objects=[%q])", o.fullName(), o.fullName())
		}
	}
	if len(known) == 0 {
		return kit.Hint(fmt.Errorf("there is no resource %q, and no other either", name), "k8s_yaml makes resources of objects that run containers")
	}
	return kit.DidYouMean(err, name, known)
}

// selectObject returns the one object that a selector of objects= means.
func (f *Family) selectObject(selector string) (*object, error) {
	parts := splitFragments(selector)
	var found []*object
	var free, matching []string
	var taken *object
	for _, o := range f.objects {
		if o.taken == nil {
			free = append(free, o.fullName())
		}
		if !o.matches(parts) {
			continue
		}
		if o.taken != nil {
			taken = o
			continue
		}
		found = append(found, o)
		matching = append(matching, o.fullName())
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, kit.Hint(fmt.Errorf("objects: %q means several objects: %s", selector, strings.Join(matching, ", ")), "add the kind, or kind and namespace")
	case taken != nil:
		return nil, fmt.Errorf("objects: %s belongs to the resource %s already", taken.fullName(), taken.taken.name)
	}
	err := fmt.Errorf("objects: there is no object %q; left are: %s", selector, strings.Join(free, ", "))
	return nil, kit.DidYouMean(err, selector, free)
}

// finished returns the resource as the plan has it.
func (f *Family) finished(r *resource) plan.Resource {
	slices.SortStableFunc(r.objects, func(a, b *object) int { return cmp.Compare(a.index, b.index) })
	k := r.options
	var containers, envValues []string
	for _, o := range r.objects {
		k.Objects = append(k.Objects, o.Object)
		containers = append(containers, o.images...)
		envValues = append(envValues, o.envValues...)
	}
	if k.PodReadiness == "" {
		k.PodReadiness = readiness(r.objects)
	}
	return plan.Resource{
		Name:        r.name,
		Type:        plan.TypeKubernetes,
		Labels:      r.labels,
		Links:       r.links,
		TriggerMode: cmp.Or(r.trigger, f.settings.TriggerMode()),
		AutoInit:    r.autoInit,
		DependsOn:   r.deps,
		Images:      append(r.images, f.images.Use(containers, envValues)...),
		Kubernetes:  &k,
	}
}

// readiness says what a resource that does not say waits for: what the kinds of its objects have, the strictest first; else pods,
// if anything makes some.
func readiness(objects []*object) string {
	for _, mode := range []string{plan.ReadinessWait, plan.ReadinessIgnore, plan.ReadinessSucceeded} {
		if slices.ContainsFunc(objects, func(o *object) bool { return o.readiness == mode }) {
			return mode
		}
	}
	if slices.ContainsFunc(objects, func(o *object) bool { return o.hasPods || o.isKind }) {
		return plan.ReadinessWait
	}
	return plan.ReadinessIgnore
}
