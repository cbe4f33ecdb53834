package kube_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/plan"
)

func inject(t *testing.T, text string, images ...kube.InjectedImage) []*unstructured.Unstructured {
	t.Helper()
	given := objects(t, text)
	before, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	injected, err := kube.Inject(given, kube.Injection{Environment: "env", Owner: "ann@desk:/src", Resource: "web", Namespace: "dev", Images: images})
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := json.Marshal(given); string(after) != string(before) {
		t.Error("the plan was changed")
	}
	return injected
}

func image(ref string, change ...func(*plan.Image)) kube.InjectedImage {
	i := &plan.Image{Ref: ref}
	for _, f := range change {
		f(i)
	}
	return kube.InjectedImage{Image: i, Ref: "localhost:5000/web:tag-1"}
}

func at(t *testing.T, obj *unstructured.Unstructured, path ...string) any {
	t.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(obj.Object, path...)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func fromYAML(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestInject_MarksMetadataOnly(t *testing.T) {
	t.Parallel()
	objs := inject(t, "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, labels: {a: b}}\nspec: {podManagementPolicy: OrderedReady, template: {spec: {containers: []}}}")
	want := fromYAML(t, `
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: db
  namespace: dev
  labels: {a: b, envflow.dev/environment: env}
  annotations: {envflow.dev/owner: "ann@desk:/src", envflow.dev/resource: web}
spec: {podManagementPolicy: Parallel, template: {spec: {containers: []}}}
`)
	if diff := cmp.Diff(want, any(objs[0].Object)); diff != "" {
		t.Error(diff)
	}
}

func TestInject_FindsContainersOfAllKinds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		path []string
	}{
		"Pod":        {"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: POD", []string{"spec"}},
		"Deployment": {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: POD}}", []string{"spec", "template", "spec"}},
		"CronJob": {
			"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {jobTemplate: {spec: {template: {spec: POD}}}}",
			[]string{"spec", "jobTemplate", "spec", "template", "spec"},
		},
		"unknown": {"apiVersion: a.b/v1\nkind: Rollout\nmetadata: {name: x}\nspec: {template: {spec: POD}}", []string{"spec", "template", "spec"}},
	} {
		pod := "{containers: [{name: a, image: web}, {name: b, image: other}], initContainers: [{name: c, image: 'web:v3', imagePullPolicy: Always}]}"
		objs := inject(t, strings.ReplaceAll(tc.text, "POD", pod), image("web"))
		want := fromYAML(t, `
containers:
- {name: a, image: "localhost:5000/web:tag-1", imagePullPolicy: IfNotPresent}
- {name: b, image: other}
initContainers:
- {name: c, image: "localhost:5000/web:tag-1", imagePullPolicy: IfNotPresent}
`)
		if diff := cmp.Diff(want, at(t, objs[0], tc.path...)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func pod(container string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [" + container + "]}"
}

func TestInject_MatchesNames(t *testing.T) {
	t.Parallel()
	exact := func(i *plan.Image) { i.MatchExact = true }
	for _, tc := range []struct {
		ref, text string
		change    []func(*plan.Image)
		found     bool
	}{
		{"web", "web", nil, true},
		{"web", "web:latest", nil, true},
		{"web", "docker.io/library/web", nil, true},
		{"web", "library/web:v2", nil, true},
		{"web", "web2", nil, false},
		{"web", "gcr.io/web", nil, false},
		{"gcr.io/a/web", "gcr.io/a/web@sha256:" + strings.Repeat("a", 64), nil, true},
		{"web:v1", "web:v1", []func(*plan.Image){exact}, true},
		{"web:v1", "web:v2", []func(*plan.Image){exact}, false},
		{"web", "Not An Image", nil, false},
	} {
		_, err := kube.Inject(objects(t, pod("{name: a, image: '"+tc.text+"'}")), kube.Injection{Images: []kube.InjectedImage{image(tc.ref, tc.change...)}})
		if (err == nil) != tc.found {
			t.Errorf("%s for %s: %v", tc.text, tc.ref, err)
		}
		if !tc.found {
			wantUserError(t, err, "has the image "+tc.ref)
		}
	}
	optional := image("base")
	optional.Optional = true
	inject(t, pod("{name: a, image: other}"), optional)
}

func TestInject_OverridesCommands(t *testing.T) {
	t.Parallel()
	entrypoint := func(i *plan.Image) { i.Entrypoint = []string{"/run", "fast"} }
	args := func(i *plan.Image) { i.ContainerArgs = []string{"-v"} }
	const with = "{name: a, image: web, command: [old], args: [x]}"
	for _, tc := range []struct {
		change []func(*plan.Image)
		want   string
	}{
		{nil, "{command: [old], args: [x]}"},
		{[]func(*plan.Image){entrypoint}, "{command: [/run, fast]}"},
		{[]func(*plan.Image){args}, "{command: [old], args: [-v]}"},
		{[]func(*plan.Image){entrypoint, args}, "{command: [/run, fast], args: [-v]}"},
	} {
		objs := inject(t, pod(with), image("web", tc.change...))
		container := at(t, objs[0], "spec", "containers").([]any)[0].(map[string]any)
		for _, field := range []string{"name", "image", "imagePullPolicy"} {
			delete(container, field)
		}
		if diff := cmp.Diff(fromYAML(t, tc.want), any(container)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestInject_FindsImagesInEnvironmentVariables(t *testing.T) {
	t.Parallel()
	text := pod("{name: a, image: operator, env: [{name: WORKER, value: web}, {name: NAME, value: other}, {name: REF, valueFrom: {}}]}")
	if _, err := kube.Inject(objects(t, text), kube.Injection{Images: []kube.InjectedImage{image("web")}}); err == nil {
		t.Error("found without match_in_env_vars")
	}
	objs := inject(t, text, image("web", func(i *plan.Image) { i.MatchInEnvVars = true }))
	want := fromYAML(t, `[{name: a, image: operator, env: [{name: WORKER, value: "localhost:5000/web:tag-1"}, {name: NAME, value: other}, {name: REF, valueFrom: {}}]}]`)
	if diff := cmp.Diff(want, at(t, objs[0], "spec", "containers")); diff != "" {
		t.Error(diff)
	}
}

func TestInject_GivesNamespacesToWhatHasThem(t *testing.T) {
	t.Parallel()
	objs := inject(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b, namespace: own}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
---
apiVersion: a.b/v1
kind: Wide
metadata: {name: d}
---
apiVersion: a.b/v1
kind: Narrow
metadata: {name: e}
---
apiVersion: unknown.io/v1
kind: Thing
metadata: {name: f}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wides.a.b}
spec: {group: a.b, scope: Cluster, names: {kind: Wide}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: narrows.a.b}
spec: {group: a.b, scope: Namespaced, names: {kind: Narrow}}
`)
	want := []string{"", "own", "dev", "", "dev", "", "", ""}
	for i, obj := range objs {
		if obj.GetNamespace() != want[i] {
			t.Errorf("%s/%s is in %q, want %q", obj.GetKind(), obj.GetName(), obj.GetNamespace(), want[i])
		}
	}
}
