package k8s

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/envflow/envflow/internal/plan"
)

// FuzzForward: what is taken for a port-forward is one, and says so again when it is written down.
func FuzzForward(f *testing.F) {
	for _, text := range []string{"8000", "8000:80", "127.0.0.1:8000:80", "a.b:1:2", ":1:2", "1:2:3:4", "99999", "[::1]:1:2", " 1 : 2 "} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := forwardOf(text)
		if err != nil {
			return
		}
		if p.LocalPort < 1 || p.LocalPort > maxPort || p.ContainerPort < 0 || p.ContainerPort > maxPort {
			t.Fatalf("%q is %+v", text, p)
		}
		again := fmt.Sprintf("%d:%d", p.LocalPort, p.ContainerPort)
		if p.Host != "" {
			again = p.Host + ":" + again
		}
		if q, err := forwardOf(again); err != nil || q != p {
			t.Fatalf("%q is %+v, and %q is %+v, %v", text, p, again, q, err)
		}
	})
}

// FuzzFragments: the name that is shown of an object means that object when it is given as a selector.
func FuzzFragments(f *testing.F) {
	f.Add("web", "Deployment", "default", "apps")
	f.Add("a:b", "ConfigMap", "", "")
	f.Add(`a\`, "X", `n\:`, "g")
	f.Fuzz(func(t *testing.T, name, kind, namespace, group string) {
		version := "v1"
		if group != "" {
			version = group + "/v1"
		}
		o := &object{manifest: manifest{Object: plan.Object{APIVersion: version, Kind: kind, Namespace: namespace, Name: name}, group: group}}
		parts := o.fragments()
		if !slices.ContainsFunc(parts[:], func(part string) bool { return len(part) > 0 && part[len(part)-1] == '\\' }) && !o.matches(splitFragments(joinFragments(parts[:]))) {
			t.Fatalf("%q does not mean the object it is made from", joinFragments(parts[:]))
		}
	})
}

// FuzzManifest: whatever the YAML, it is objects or an error, and objects are whole; one without a name says where it stands.
func FuzzManifest(f *testing.F) {
	for _, text := range []string{
		"{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: x}]}}",
		"{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: A, metadata: {name: a}}, 5]}",
		"kind: [", "&a [*a]", "{apiVersion: v1, kind: A}", "a: &x {b: *x}", "---\n---\n", "apiVersion: 1\nkind: 2\n", "{apiVersion: v1, kind: SecretList, items: [{metadata: {name: s}}]}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parse(nil, text, "x.yaml")
		if err != nil {
			return
		}
		for _, m := range found {
			if (m.Name == "") != (m.at != "") || m.Kind == "" || m.APIVersion == "" || !json.Valid(m.JSON) {
				t.Fatalf("%q has the object %+v", text, m)
			}
		}
	})
}
