package k8s

import (
	"errors"
	"fmt"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/arguments"
	"github.com/envflow/envflow/starlark/kit"
)

// options are the arguments of one k8s_resource.
type options struct {
	trace             kit.Trace
	workload, newName string
	portForwards      []plan.PortForward
	extraPodSelectors []map[string]string
	triggerMode       string
	deps              []string
	objects           []string
	autoInit          kit.OptBool
	podReadiness      string
	links             []plan.Link
	labels            []string
	discovery         string
}

// Strategies of finding the pods of a resource.
const (
	discoveryDefault   = "default"
	discoverySelectors = "selectors-only"
)

// k8sResource notes options. They are applied when all objects are known, in the order of the calls.
func (f *Family) k8sResource(c *kit.Call) (gostarlark.Value, error) {
	var workload, newName, readiness, discovery kit.Str
	var forwards, selectors, mode, links gostarlark.Value
	var deps, objects kit.Seq
	var labels kit.Strs
	o := &options{trace: c.Trace()}
	if err := c.Unpack("workload?", &workload, "new_name?", &newName, "port_forwards?", &forwards, "extra_pod_selectors?", &selectors,
		"trigger_mode?", &mode, "resource_deps?", &deps, "objects?", &objects, "auto_init?", &o.autoInit, "pod_readiness?", &readiness,
		"links?", &links, "labels?", &labels, "discovery_strategy?", &discovery); err != nil {
		return nil, err
	}
	o.workload, o.newName, o.deps, o.objects = string(workload), string(newName), deps, objects
	if o.workload == "" {
		if len(o.objects) == 0 {
			return nil, errors.New("it names neither a workload nor objects")
		}
		if o.newName == "" {
			return nil, errors.New("a resource of objects without a workload needs new_name")
		}
	}
	for _, selector := range o.objects {
		if n := len(splitFragments(selector)); n > 4 || selector == "" {
			return nil, fmt.Errorf("objects: %q is not of the form name[:kind[:namespace[:group]]]", selector)
		}
	}
	var err error
	if o.portForwards, err = parseForwards(forwards); err != nil {
		return nil, fmt.Errorf("port_forwards: %w", err)
	}
	if o.extraPodSelectors, err = parseSelectors(selectors); err != nil {
		return nil, fmt.Errorf("extra_pod_selectors: %w", err)
	}
	if o.triggerMode, err = arguments.TriggerMode(mode); err != nil {
		return nil, err
	}
	if o.podReadiness, err = arguments.OneOf("pod_readiness", string(readiness), plan.ReadinessWait, plan.ReadinessSucceeded, plan.ReadinessIgnore); err != nil {
		return nil, err
	}
	if o.discovery, err = arguments.OneOf("discovery_strategy", string(discovery), discoveryDefault, discoverySelectors); err != nil {
		return nil, err
	}
	if o.links, err = arguments.Links(links); err != nil {
		return nil, err
	}
	if o.labels, err = arguments.Labels(labels); err != nil {
		return nil, err
	}
	f.options = append(f.options, o)
	return nil, nil
}

// parseSelectors leaves out empty ones: they would select all pods.
func parseSelectors(v gostarlark.Value) ([]map[string]string, error) {
	var list []map[string]string
	for i, item := range kit.OneOrMore(v) {
		if item == gostarlark.None {
			return nil, fmt.Errorf("item %d is None, want a dict of strings", i)
		}
		var selector kit.StrDict
		if err := selector.Unpack(item); err != nil {
			return nil, err
		}
		if len(selector) > 0 {
			list = append(list, selector)
		}
	}
	return list, nil
}
