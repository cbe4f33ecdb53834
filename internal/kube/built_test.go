package kube_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/plan"
)

const built = `
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {greeting: hello}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: web, image: web, command: [sleep, "3600"]}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers: [{name: migrate, image: web, command: ["true"]}]
`

// from is the image web, built from an input.
func from(input string) kube.InjectedImage {
	const ref = "localhost:5000/library/busybox"
	return kube.InjectedImage{Image: &plan.Image{Ref: "web"}, Ref: ref, Built: kube.Built{InputDigest: input, ImageID: "sha256:1", ClusterRef: ref}}
}

func TestInject_SaysWhatImagesWereBuiltFrom(t *testing.T) {
	t.Parallel()
	base := kube.InjectedImage{Image: &plan.Image{Ref: "base"}, Optional: true, Built: kube.Built{InputDigest: "b", ImageID: "sha256:2", ClusterRef: "base:1"}}
	const text = `{"base":{"input":"b","id":"sha256:2","ref":"base:1"},"web":{"input":"a","id":"sha256:1","ref":"localhost:5000/library/busybox"}}`
	objs := inject(t, built, from("a"), base)
	for i, want := range []string{"", text, text} {
		if got := objs[i].GetAnnotations()[kube.AnnotationImages]; got != want {
			t.Errorf("%s says %q, want %q", objs[i].GetKind(), got, want)
		}
		if i > 0 && at(t, objs[i], "spec", "template", "metadata", "annotations") != nil {
			t.Errorf("the template of the %s has annotations", objs[i].GetKind())
		}
	}
	if got := inject(t, built, base)[0].GetAnnotations()[kube.AnnotationImages]; got == "" {
		t.Error("no object says what an image was built from that none of them runs")
	}
	if got, ok := inject(t, built, image("web"))[1].GetAnnotations()[kube.AnnotationImages]; ok {
		t.Errorf("of an image of which nothing is known it says %q", got)
	}
}

// What an image was built from is found by looking, and starts nothing anew when it changes.
func TestFindOfKinds_FindsWhatImagesWereBuiltFrom(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	apply := func(input string) kube.ApplyResult {
		t.Helper()
		injected := inject(t, built, from(input))
		for _, obj := range injected {
			obj.SetNamespace(b.namespace)
		}
		return e.apply(built, func(r *kube.ApplyRequest) { r.Objects = injected })
	}
	first := apply("one")
	wantActions(t, apply("one"), "ConfigMap/web unchanged, Deployment/web unchanged, Job/migrate unchanged")
	template := at(t, e.live(first.Objects[1]), "spec", "template")
	second := apply("two")
	wantActions(t, second, "ConfigMap/web unchanged, Deployment/web configured, Job/migrate configured")
	if diff := cmp.Diff(template, at(t, e.live(second.Objects[1]), "spec", "template")); diff != "" {
		t.Errorf("the pods have changed: %s", diff)
	}
	other := b.environment("other")
	other.apply(settings)

	unknown := plan.Object{APIVersion: "a.b/v1", Kind: "Rollout", Name: "x"}
	found, err := b.FindOfKinds(t.Context(), e.id, append(objects(t, built), unknown))
	if err != nil {
		t.Fatal(err)
	}
	want := []kube.Applied(nil)
	for _, o := range second.Objects {
		o.Action = ""
		if o.Kind != "ConfigMap" {
			o.Images = map[string]kube.Built{"web": from("two").Built}
		}
		want = append(want, o)
	}
	if diff := cmp.Diff(want, found, cmpopts.IgnoreFields(kube.Applied{}, "Generation")); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if found, err := b.FindOfKinds(t.Context(), "nobody", objects(t, built)); len(found) != 0 || err != nil {
		t.Errorf("found %v of an environment that has nothing, error %v", found, err)
	}
}
