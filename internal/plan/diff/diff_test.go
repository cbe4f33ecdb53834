package diff

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/plan"
)

// show is changes as text: a line for each, and the lines of its parts.
func show(t *testing.T, changes []Change) string {
	t.Helper()
	var out strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&out, "%s %s %s %s update=%t\n", c.Change, c.Kind, c.Name, c.Type, c.Update)
		for _, p := range c.Parts {
			fmt.Fprintf(&out, "  %s %s %s\n", p.Change, p.Kind, p.Name)
			lines, err := p.Lines()
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range lines {
				out.WriteString("    " + line + "\n")
			}
		}
	}
	return out.String()
}

func planOf(t *testing.T, text string) *plan.Plan {
	t.Helper()
	var p plan.Plan
	if err := yaml.UnmarshalStrict([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestPlans(t *testing.T) {
	t.Parallel()
	const local = "resources: [{name: build, type: local, trigger_mode: auto, auto_init: true, enabled: true, local: {cmd: {argv: [make], dir: /src}}}]\n"
	const web = `
images: [{ref: web, context: /src, dockerfile: "FROM a\nRUN x\n"}]
resources:
- {name: web, type: k8s, enabled: true, images: [web], kubernetes: {pod_readiness: wait, objects: [
    {apiVersion: apps/v1, kind: Deployment, name: web, json: {kind: Deployment, spec: {replicas: 1}}},
    {apiVersion: v1, kind: Service, namespace: shop, name: web, json: {kind: Service, spec: {a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7}}}]}}
`
	const secret = "resources: [{name: s, type: k8s, enabled: true, kubernetes: {pod_readiness: wait, objects: [{apiVersion: v1, kind: Secret, name: s, json: " +
		"{kind: Secret, metadata: {annotations: {a: b, kubectl.kubernetes.io/last-applied-configuration: 'all OLD'}}, data: {gone: OLD, kept: KEPT, other: OLD}, stringData: {text: OLD}}}]}}]\n"
	for name, test := range map[string]struct{ before, after, want string }{
		"nothing":           {web, web, ""},
		"added and removed": {local, web, "added resource web k8s update=true\nremoved resource build local update=true\n"},
		"a command": {local, strings.Replace(local, "[make]", "[make, all]", 1), `
changed resource build local update=true
  changed field cmd
      cmd:
        argv:
        - make
    +   - all
        dir: /src
`},
		"an argument that only shows": {local, strings.Replace(local, "type: local,", "type: local, labels: [x],", 1), `
changed resource build local update=false
  added field labels
    + labels:
    + - x
`},
		"switched off": {local, strings.Replace(local, "enabled: true", "enabled: false", 1), `
changed resource build local update=true
  changed field enabled
    - enabled: true
    + enabled: false
`},
		"an image and an object": {web, strings.NewReplacer("RUN x", "RUN y", "replicas: 1", "replicas: 2").Replace(web), `
changed resource web k8s update=true
  changed image web
      context: /src
      dockerfile: |
        FROM a
    -   RUN x
    +   RUN y
      ref: web
  changed object Deployment web
      kind: Deployment
      spec:
    -   replicas: 1
    +   replicas: 2
`},
		"what is far is left out": {web, strings.Replace(web, "g: 7", "g: 8", 1), `
changed resource web k8s update=true
  changed object Service shop/web
      kind: Service
      spec:
      ...
        d: 4
        e: 5
        f: 6
    -   g: 7
    +   g: 8
`},
		"in a list": {
			strings.Replace(web, "a: 1, b: 2, c: 3", "a: [{k: 1, o: [{z: 1}, {v: 0, w: 1, x: 2, z: 3, zz: 4}]}], b: 2, c: 3", 1),
			strings.Replace(web, "a: 1, b: 2, c: 3", "a: [{k: 1, o: [{z: 1}, {v: 0, w: 1, x: 2, z: 3, zz: 5}]}], b: 2, c: 3", 1), `
changed resource web k8s update=true
  changed object Service shop/web
      kind: Service
      spec:
        a:
        - k: 1
          o:
          - z: 1
          - v: 0
            w: 1
            x: 2
            z: 3
    -       zz: 4
    +       zz: 5
        b: 2
        c: 3
        d: 4
      ...
`,
		},
		"an object comes": {strings.Replace(web, "name: web, json: {kind: Service", "name: old, json: {kind: Service", 1), web, `
changed resource web k8s update=true
  removed object Service shop/old
    - kind: Service
    - spec:
    -   a: 1
    -   b: 2
    -   c: 3
    -   d: 4
    -   e: 5
    -   f: 6
    -   g: 7
  added object Service shop/web
    + kind: Service
    + spec:
    +   a: 1
    +   b: 2
    +   c: 3
    +   d: 4
    +   e: 5
    +   f: 6
    +   g: 7
`},
		"a secret": {secret, strings.NewReplacer("gone: OLD, ", "", "'all OLD'", "'all NEW'", "OLD", "NEW", "stringData: {", "stringData: {more: NEW, ").Replace(secret), `
changed resource s k8s update=true
  changed object Secret s
      data:
    -   gone: (secret)
        kept: (secret)
    -   other: (secret)
    +   other: (changed)
      kind: Secret
      metadata:
        annotations:
          a: b
    -     kubectl.kubernetes.io/last-applied-configuration: (secret)
    +     kubectl.kubernetes.io/last-applied-configuration: (changed)
      stringData:
    -   text: (secret)
    +   more: (secret)
    +   text: (changed)
`},
		"settings that commands see": {local, local + "settings: {env: {A: b}}\n", `
changed settings settings  update=false
  added field env
    + env:
    +   A: (hidden)
changed resource build local update=true
  changed settings settings
`},
		"variables of a command": {
			strings.Replace(local, "dir: /src", "dir: /src, env: {GONE: OLD, KEPT: KEPT, OTHER: OLD}", 1),
			strings.Replace(local, "dir: /src", "dir: /src, env: {KEPT: KEPT, MORE: NEW, OTHER: NEW}", 1), `
changed resource build local update=true
  changed field cmd
      cmd:
        argv:
        - make
        dir: /src
        env:
    -     GONE: (hidden)
          KEPT: (hidden)
    -     OTHER: (hidden)
    +     MORE: (hidden)
    +     OTHER: (changed)
`,
		},
		"variables of a Compose service": {
			"compose_projects: [{name: p, dir: /a, files: [], model: {services: {env: {environment: {A: OLD, B: null}, image: x}}}}]\n",
			"compose_projects: [{name: p, dir: /a, files: [], model: {services: {env: {environment: {A: NEW, B: NEW}, image: z}}}}]\n", `
changed compose_project p  update=false
  changed field model
      model:
        services:
          env:
            environment:
    -         A: (hidden)
    -         B: (hidden)
    -       image: x
    +         A: (changed)
    +         B: (changed)
    +       image: z
`,
		},
		"variables in a list": {
			"api_objects: [{kind: Cmd, name: a, spec: {args: [a], env: [A=OLD]}}, {kind: X, name: x, spec: {list: [{env: {A: OLD}}]}}]\n",
			"api_objects: [{kind: Cmd, name: a, spec: {args: [a], env: [A=NEW, B=NEW]}}, {kind: X, name: x, spec: {list: [{env: {A: NEW}}, {env: {A: NEW}}]}}]\n", `
changed object Cmd a  update=false
  changed field spec
      spec:
        args:
        - a
        env:
    -     A: (hidden)
    +     A: (changed)
    +     B: (hidden)
changed object X x  update=false
  changed field spec
      spec:
        list:
        - env:
    +       A: (changed)
    +   - env:
            A: (hidden)
`,
		},
		"what is in no part": {
			strings.Replace(web, "name: web, json: {kind: D", "name: web, image_locators: [{path: '{.x}'}], json: {kind: D", 1), web,
			"changed resource web k8s update=true\n  changed field definition\n",
		},
		"what is beside resources": {
			"api_objects: [{kind: Cmd, name: a, spec: {}}]\ncompose_projects: [{name: p, dir: /a, files: [], model: {services: {a: {image: b}}}}]\n",
			"compose_projects: [{name: p, dir: /a, files: [], model: {services: {a: {image: c}}}}]\n", `
changed compose_project p  update=false
  changed field model
      model:
        services:
          a:
    -       image: b
    +       image: c
removed object Cmd a  update=false
`,
		},
	} {
		before, after := planOf(t, test.before), planOf(t, test.after)
		if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), show(t, Plans(before, after))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A plan that was recorded and read again is the same, whatever is nil in it.
func TestPlans_OfARecord(t *testing.T) {
	t.Parallel()
	made := &plan.Plan{
		Images: []plan.Image{{Ref: "web", Dockerfile: "FROM <a> && b\n", ContainerArgs: []string{}}},
		Resources: []plan.Resource{{
			Name: "web", Enabled: true, Images: []string{"web"}, Labels: []string{},
			Kubernetes: &plan.Kubernetes{Objects: []plan.Object{{Kind: "A", Name: "a", JSON: json.RawMessage(`{ "b":12345678901234567890, "a":"<&>"}`)}}},
		}},
	}
	data, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var read plan.Plan
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	if got := show(t, Plans(&read, made)); got != "" {
		t.Errorf("%s", got)
	}
}

// Whatever the lines are, both sides can be read from the edits.
func FuzzEdits(f *testing.F) {
	f.Add("a\nb\nc", "a\nc\nd")
	f.Add("", "a")
	f.Add("a\na\nb", "b\na\na")
	f.Fuzz(func(t *testing.T, before, after string) {
		a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
		var was, is []string
		for _, line := range edits(a, b) {
			if mark := line[:2]; mark != "+ " {
				was = append(was, line[2:])
			}
			if mark := line[:2]; mark != "- " {
				is = append(is, line[2:])
			}
		}
		if !slices.Equal(a, was) || !slices.Equal(b, is) {
			t.Errorf("%q and %q became %q and %q", a, b, was, is)
		}
	})
}

func TestEdits_ManyLines(t *testing.T) {
	t.Parallel()
	var a, b []string
	for i := range 5000 {
		a, b = append(a, fmt.Sprint("a", i)), append(b, fmt.Sprint("b", i))
	}
	if got := edits(a, b); len(got) != 10000 || got[0] != "- a0" || got[9999] != "+ b4999" {
		t.Errorf("%d lines, from %s to %s", len(got), got[0], got[len(got)-1])
	}
}
