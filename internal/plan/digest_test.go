package plan_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/envflow/envflow/internal/plan"
)

func digestPlan() *plan.Plan {
	return &plan.Plan{
		Resources: []plan.Resource{
			{Name: "web", Type: plan.TypeKubernetes, Images: []string{"web"}, Kubernetes: &plan.Kubernetes{PodReadiness: "wait"}},
			{Name: "job", Type: plan.TypeLocal, Local: &plan.Local{Update: &plan.Command{Argv: []string{"make"}}, Readiness: &plan.Probe{}}},
			{Name: "db", Type: plan.TypeCompose, Compose: &plan.ComposeService{Project: "shop", Service: "db"}},
			{Name: "queue", Type: plan.TypeCompose, Compose: &plan.ComposeService{Project: "shop", Service: "queue"}},
		},
		Images:  []plan.Image{{Ref: "web"}, {Ref: "other"}},
		Compose: []plan.ComposeProject{{Name: "shop", Model: json.RawMessage(`{"services":{"db":{"image":"a"},"queue":{"image":"b"}}}`)}},
	}
}

// A resource has another digest when something changed that its update carries out, and only then.
func TestSpecDigest_OfWhatAnUpdateCarriesOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(p *plan.Plan)
		others []string // that have another digest
	}{
		"nothing": {change: func(*plan.Plan) {}},
		"labels and links": {change: func(p *plan.Plan) {
			p.Resources[0].Labels, p.Resources[0].Links = []string{"x"}, []plan.Link{{URL: "http://x"}}
		}},
		"port-forwards":                     {change: func(p *plan.Plan) { p.Resources[0].Kubernetes.PortForwards = []plan.PortForward{{LocalPort: 1}} }},
		"a probe":                           {change: func(p *plan.Plan) { p.Resources[1].Local.Readiness = nil }},
		"an image of another":               {change: func(p *plan.Plan) { p.Images[1].Ref = "third" }},
		"pod readiness":                     {change: func(p *plan.Plan) { p.Resources[0].Kubernetes.PodReadiness = "ignore" }, others: []string{"web"}},
		"its image":                         {change: func(p *plan.Plan) { p.Images[0].Custom = &plan.CustomBuild{} }, others: []string{"web"}},
		"a command":                         {change: func(p *plan.Plan) { p.Resources[1].Local.Update.Argv = []string{"make", "all"} }, others: []string{"job"}},
		"variables of commands":             {change: func(p *plan.Plan) { p.Settings.Env = map[string]string{"A": "1"} }, others: []string{"job"}},
		"the image in place of a service's": {change: func(p *plan.Plan) { p.Resources[2].Compose.Image = "web" }, others: []string{"db"}},
		"a definition in a Compose file": {
			change: func(p *plan.Plan) {
				p.Compose[0].Model = json.RawMessage(`{"services":{"db":{"image":"a"},"queue":{"image":"c"}}}`)
			},
			others: []string{"queue"},
		},
	} {
		before, after := digestPlan(), digestPlan()
		c.change(after)
		var others []string
		for _, r := range before.Resources {
			if before.SpecDigest(r.Name) != after.SpecDigest(r.Name) {
				others = append(others, r.Name)
			}
		}
		if !slices.Equal(others, c.others) {
			t.Errorf("%s: others are %q, want %q", name, others, c.others)
		}
	}
}
