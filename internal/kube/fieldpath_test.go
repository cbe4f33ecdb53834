package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestDropField_ReadsThePathsOfTheAPIServer(t *testing.T) {
	t.Parallel()
	const text = `
metadata: {annotations: {a.b/c: x, a: {b: y}}}
spec:
  replicas: 1
  containers:
  - {name: web, image: i, env: [{name: "A]=\"", value: 1}, {name: B, value: 2}]}
  ports: [{port: 80, nodePort: 1}, {port: 80, protocol: UDP, nodePort: 2}]
`
	for _, tc := range []struct {
		path, want string // what is left of the object, "" if nothing is dropped
	}{
		{".spec.replicas", `{metadata: {annotations: {a.b/c: x, a: {b: y}}}, spec: {containers: [{name: web, image: i, env: [{name: "A]=\"", value: 1}, {name: B, value: 2}]}], ports: [{port: 80, nodePort: 1}, {port: 80, protocol: UDP, nodePort: 2}]}}`},
		{`.metadata.annotations.a.b/c`, `{metadata: {annotations: {a: {b: y}}}, spec: {replicas: 1, containers: [{name: web, image: i, env: [{name: "A]=\"", value: 1}, {name: B, value: 2}]}], ports: [{port: 80, nodePort: 1}, {port: 80, protocol: UDP, nodePort: 2}]}}`},
		{`.spec.containers[name="web"].env[name="A]=\""].value`, `{metadata: {annotations: {a.b/c: x, a: {b: y}}}, spec: {replicas: 1, containers: [{name: web, image: i, env: [{name: "A]=\""}, {name: B, value: 2}]}], ports: [{port: 80, nodePort: 1}, {port: 80, protocol: UDP, nodePort: 2}]}}`},
		{`.spec.ports[port=80,protocol="UDP"].nodePort`, `{metadata: {annotations: {a.b/c: x, a: {b: y}}}, spec: {replicas: 1, containers: [{name: web, image: i, env: [{name: "A]=\"", value: 1}, {name: B, value: 2}]}], ports: [{port: 80, nodePort: 1}, {port: 80, protocol: UDP}]}}`},
		{`.spec.containers[0].image`, `{metadata: {annotations: {a.b/c: x, a: {b: y}}}, spec: {replicas: 1, containers: [{name: web, env: [{name: "A]=\"", value: 1}, {name: B, value: 2}]}], ports: [{port: 80, nodePort: 1}, {port: 80, protocol: UDP, nodePort: 2}]}}`},
		{`.spec.containers[name="web"]`, ""},
		{`.spec.containers[name="other"].image`, ""},
		{`.spec.containers[7].image`, ""},
		{`.spec.containers[`, ""},
		{`.spec.unknown`, ""},
		{`.spec.replicas.more`, ""},
		{"", ""},
	} {
		var got, want map[string]any
		if err := yaml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		left := tc.want
		if left == "" {
			left = text
		}
		if err := yaml.Unmarshal([]byte(left), &want); err != nil {
			t.Fatal(err)
		}
		if dropped := dropField(got, tc.path); dropped != (tc.want != "") {
			t.Errorf("%s: dropped %v", tc.path, dropped)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", tc.path, diff)
		}
	}
}
