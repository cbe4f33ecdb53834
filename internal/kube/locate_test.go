package kube_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/plan"
)

func thing(t *testing.T, spec string, locators ...plan.ImageLocator) []plan.Object {
	t.Helper()
	list := objects(t, "{apiVersion: x.y/v1, kind: Thing, metadata: {name: t}, spec: "+spec+"}")
	list[0].Locators = locators
	return list
}

func TestInject_Locators(t *testing.T) {
	t.Parallel()
	path := func(p string) plan.ImageLocator { return plan.ImageLocator{Path: p} }
	for _, test := range []struct {
		name, spec string
		locator    plan.ImageLocator
		want       string
	}{
		{"a field", "{image: web, other: web}", path("{.spec.image}"), "{image: 'localhost:5000/web:tag-1', other: web}"},
		{"a list", "{list: [{i: web, name: web}, {i: nginx}]}", path("{.spec.list[*].i}"), "{list: [{i: 'localhost:5000/web:tag-1', name: web}, {i: nginx}]}"},
		{"an item of strings", "{list: [web, web]}", path("{.spec.list[1]}"), "{list: [web, 'localhost:5000/web:tag-1']}"},
		{"a filter", "{list: [{name: a, i: web}, {name: b, i: web}]}", path(`{.spec.list[?(@.name=="b")].i}`), "{list: [{name: a, i: web}, {name: b, i: 'localhost:5000/web:tag-1'}]}"},
		{"at any depth", "{a: {image: web}, b: {c: {image: 'web:v2'}}}", path("{..image}"), "{a: {image: 'localhost:5000/web:tag-1'}, b: {c: {image: 'localhost:5000/web:tag-1'}}}"},
		{
			"name and tag apart", "{image: {repo: web, tag: v1, pull: Always}}",
			plan.ImageLocator{Path: "{.spec.image}", RepoField: "repo", TagField: "tag"},
			"{image: {repo: 'localhost:5000/web', tag: tag-1, pull: Always}}",
		},
		{
			"no tag yet", "{image: {repo: web}}",
			plan.ImageLocator{Path: "{.spec.image}", RepoField: "repo", TagField: "tag"},
			"{image: {repo: 'localhost:5000/web', tag: tag-1}}",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			injected, err := kube.Inject(thing(t, test.spec, test.locator), kube.Injection{Images: []kube.InjectedImage{image("web")}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fromYAML(t, test.want), injected[0].Object["spec"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInject_LocatorErrors(t *testing.T) {
	t.Parallel()
	entrypoint := image("web", func(i *plan.Image) { i.Entrypoint = []string{"/app"} })
	for _, test := range []struct {
		name    string
		spec    string
		locator plan.ImageLocator
		image   kube.InjectedImage
		want    string
	}{
		{"nothing there", "{}", plan.ImageLocator{Path: "{.spec.image}"}, image("web"), "names no image at {.spec.image}"},
		{"no string", "{image: {a: b}}", plan.ImageLocator{Path: "{.spec.image}"}, image("web"), "names no image at {.spec.image}"},
		{"no object", "{image: web}", plan.ImageLocator{Path: "{.spec.image}", RepoField: "r", TagField: "t"}, image("web"), "names no image"},
		{"an entrypoint", "{image: web}", plan.ImageLocator{Path: "{.spec.image}"}, entrypoint, "only containers of pods"},
		{"another image", "{image: nginx}", plan.ImageLocator{Path: "{.spec.image}"}, image("web"), "has the image web"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := kube.Inject(thing(t, test.spec, test.locator), kube.Injection{Images: []kube.InjectedImage{test.image}})
			wantUserError(t, err, test.want)
		})
	}
}

func TestInject_ImageVolumes(t *testing.T) {
	t.Parallel()
	objs := inject(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [], volumes: [{name: v, image: {reference: web}}, {name: w, emptyDir: {}}]}", image("web"))
	want := fromYAML(t, "[{name: v, image: {reference: 'localhost:5000/web:tag-1', pullPolicy: IfNotPresent}}, {name: w, emptyDir: {}}]")
	if diff := cmp.Diff(want, at(t, objs[0], "spec", "volumes")); diff != "" {
		t.Error(diff)
	}
}
