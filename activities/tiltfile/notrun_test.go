package tiltfile

import (
	"slices"
	"testing"

	"github.com/envflow/envflow/internal/plan"
)

func TestAlsoNotRun(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{Images: []plan.Image{
		{Ref: "web", LiveUpdate: []plan.Step{{Kind: plan.StepSync}, {Kind: plan.StepRestartContainer}}},
		{Ref: "api", LiveUpdate: []plan.Step{{Kind: plan.StepSync}}},
	}}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		p.Objects = append(p.Objects, plan.APIObject{Kind: "UIButton", Name: name})
	}
	p.Objects = append(p.Objects, plan.APIObject{Kind: "Extension", Name: "x"}, plan.APIObject{Kind: "ExtensionRepo", Name: "y"}, plan.APIObject{Kind: "Cmd", Name: "sync"})
	want := []string{"Cmd sync", "UIButton a, b, c, d, e and 2 more", "restart_container() of web"}
	if got := alsoNotRun(p); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNotRun(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{Images: []plan.Image{{Ref: "made", Custom: &plan.CustomBuild{}}, {Ref: "built"}}}
	for _, c := range []struct {
		resource plan.Resource
		want     string
	}{
		{plan.Resource{Compose: &plan.ComposeService{}}, "Compose services are not run by this version of envflow"},
		{plan.Resource{Kubernetes: &plan.Kubernetes{Custom: &plan.CustomDeploy{}}}, "k8s_custom_deploy is not run by this version of envflow"},
		{plan.Resource{Kubernetes: &plan.Kubernetes{}, Images: []string{"built", "made"}}, "custom_build is not run by this version of envflow"},
		{plan.Resource{Kubernetes: &plan.Kubernetes{}, Images: []string{"built"}}, ""},
		{plan.Resource{Local: &plan.Local{}}, ""},
	} {
		if got := notRun(p, &c.resource); got != c.want {
			t.Errorf("%+v: %q, want %q", c.resource, got, c.want)
		}
	}
}
