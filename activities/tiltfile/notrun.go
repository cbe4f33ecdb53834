package tiltfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/envflow/envflow/internal/plan"
)

// notRun says why this version of envflow evaluates a resource and cannot run it, "" if it can.
func notRun(p *plan.Plan, r *plan.Resource) string {
	const sentence = "%s not run by this version of envflow"
	switch {
	case r.Compose != nil:
		return fmt.Sprintf(sentence, "Compose services are")
	case r.Kubernetes != nil && r.Kubernetes.Custom != nil:
		return fmt.Sprintf(sentence, "k8s_custom_deploy is")
	}
	for _, ref := range r.Images {
		if image := p.Image(ref); image != nil && image.Custom != nil {
			return fmt.Sprintf(sentence, "custom_build is")
		}
	}
	return ""
}

// named is how many objects of a kind are named.
const named = 5

// alsoNotRun names what else this version of envflow cannot run: objects of v1alpha1, those of a kind in one line, and restarts of
// containers. Extensions and their repositories have had their effect when the Tiltfile was evaluated.
func alsoNotRun(p *plan.Plan) (lines []string) {
	var kinds []string
	names := map[string][]string{}
	for _, o := range p.Objects {
		if o.Kind == "Extension" || o.Kind == "ExtensionRepo" {
			continue
		}
		if names[o.Kind] == nil {
			kinds = append(kinds, o.Kind)
		}
		names[o.Kind] = append(names[o.Kind], o.Name)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		all := names[kind]
		line := kind + " " + strings.Join(all[:min(len(all), named)], ", ")
		if more := len(all) - named; more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, line)
	}
	for _, image := range p.Images {
		if slices.ContainsFunc(image.LiveUpdate, func(s plan.Step) bool { return s.Kind == plan.StepRestartContainer }) {
			lines = append(lines, "restart_container() of "+image.Ref)
		}
	}
	return lines
}
