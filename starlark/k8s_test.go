package starlark_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/plan"
)

// shape shows resources as "name[objects] readiness".
func shape(p *plan.Plan) string {
	var b strings.Builder
	for _, r := range p.Resources {
		var objects []string
		for _, o := range r.Kubernetes.Objects {
			objects = append(objects, o.Kind+"/"+o.Name)
		}
		fmt.Fprintf(&b, "%s[%s] %s\n", r.Name, strings.Join(objects, " "), r.Kubernetes.PodReadiness)
	}
	return b.String()
}

const mixed = `
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: conf}}
- {apiVersion: v1, kind: Secret, metadata: {name: conf, namespace: other}}
---
apiVersion: v1
kind: ConfigMapList
items: [{metadata: {name: conf2}, data: {a: "1"}}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: web}
spec: {template: {spec: {containers: [{name: c, image: third/party}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: cron}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: x}]}}}}}
---
apiVersion: example.com/v1
kind: Database
metadata: {name: db}
spec: {image: not-a-container, replicas: 12345678901234567}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, namespace: other}
spec: {selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: external}
spec: {externalName: example.com}
`

func TestAssembly(t *testing.T) {
	t.Parallel()
	files := "\n-- web.yaml --\n" + deployment("web", "web") + "-- mixed.yaml --" + mixed
	tests := []struct{ name, tiltfile, want string }{
		{"names and leftovers", "k8s_yaml(['web.yaml', 'mixed.yaml'])", `
web:deployment[Deployment/web Service/web-svc] wait
web:job[Job/web] succeeded
cron[CronJob/cron] ignore
uncategorized[ConfigMap/conf Secret/conf ConfigMap/conf2 Database/db Service/elsewhere Service/external] ignore
`},
		{"options in the order of calls", `
k8s_resource('web', 'frontend', objects=['conf2'])
k8s_yaml(['web.yaml', blob(str(read_file('mixed.yaml')).replace('Job\nmetadata: {name: web}', 'Job\nmetadata: {name: job}'))])
k8s_resource('frontend', pod_readiness='ignore', objects=['conf:secret', 'conf:ConfigMap:default:core'])
k8s_resource(new_name='rest', objects=['DB:Database', 'elsewhere::other'])
`, `
frontend[Deployment/web Service/web-svc ConfigMap/conf Secret/conf ConfigMap/conf2] ignore
job[Job/job] succeeded
cron[CronJob/cron] ignore
rest[Database/db Service/elsewhere] ignore
uncategorized[Service/external] ignore
`},
		{"duplicates", "k8s_yaml('web.yaml')\nk8s_yaml('web.yaml', allow_duplicates=True)", `
web:deployment:default:apps:0[Deployment/web Service/web-svc Service/web-svc] wait
web:deployment:default:apps:1[Deployment/web] wait
`},
		{"image volume", "k8s_yaml(blob('''\napiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: web}}\nspec: {containers: [], volumes: [{name: v, image: {reference: x}}]}\n''' + '---\\n' + str(read_file('web.yaml')).split('---')[1]))", `
p[Pod/p Service/web-svc] wait
`},
		{"namespace of the context", "k8s_yaml(blob(str(read_file('web.yaml')).replace('{name: web-svc}', '{name: web-svc, namespace: dev}')))", `
web[Deployment/web Service/web-svc] wait
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, test.tiltfile+files)
			p.opts.KubeNamespace = "dev"
			if got, want := shape(p.plan()), strings.TrimPrefix(test.want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestAssembly_KeepsNumbers(t *testing.T) {
	t.Parallel()
	p := newProject(t, "k8s_yaml('m.yaml')\n-- m.yaml --"+mixed).plan()
	for _, o := range p.Resource(plan.Uncategorized).Kubernetes.Objects {
		if o.Kind == "Database" {
			if !strings.Contains(string(o.JSON), `"replicas":12345678901234567`) {
				t.Errorf("got %s", o.JSON)
			}
			return
		}
	}
	t.Error("the Database is gone")
}

func TestK8sResource_Options(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
trigger_mode(TRIGGER_MODE_MANUAL)
k8s_yaml(['a.yaml', 'b.yaml'])
k8s_resource('a', port_forwards=[8000, '8001', '8002:80', '127.0.0.1:8003:81', port_forward(8004, 82, name='n', link_path='/x', host='localhost')],
  labels='one', links=['example.com/x', link('https://b.example.com', 'B')], resource_deps=['b', 'nope'], auto_init=False,
  extra_pod_selectors={'app': 'x'}, discovery_strategy='selectors-only')
k8s_resource('a', port_forwards=8005, labels=['one', 'two'], trigger_mode=TRIGGER_MODE_AUTO, extra_pod_selectors=[{'a': 'b'}, {'c': 'd'}],
  pod_readiness='succeeded')
-- a.yaml --
`+deployment("a", "x")+"-- b.yaml --\n"+deployment("b", "y")).plan()
	a, b := p.Resource("a"), p.Resource("b")
	if b.TriggerMode != plan.TriggerManual || !b.AutoInit || b.Kubernetes.PodReadiness != plan.ReadinessWait {
		t.Errorf("b: got %+v", b)
	}
	wantForwards := []plan.PortForward{
		{LocalPort: 8000},
		{LocalPort: 8001},
		{LocalPort: 8002, ContainerPort: 80},
		{LocalPort: 8003, ContainerPort: 81, Host: "127.0.0.1"},
		{LocalPort: 8004, ContainerPort: 82, Host: "localhost", Name: "n", LinkPath: "/x"},
		{LocalPort: 8005},
	}
	if !reflect.DeepEqual(a.Kubernetes.PortForwards, wantForwards) {
		t.Errorf("forwards: got %+v", a.Kubernetes.PortForwards)
	}
	if want := []plan.Link{{URL: "http://example.com/x"}, {URL: "https://b.example.com", Name: "B"}}; !reflect.DeepEqual(a.Links, want) {
		t.Errorf("links: got %+v", a.Links)
	}
	if want := []map[string]string{{"app": "x"}, {"a": "b"}, {"c": "d"}}; !reflect.DeepEqual(a.Kubernetes.ExtraPodSelectors, want) {
		t.Errorf("selectors: got %+v", a.Kubernetes.ExtraPodSelectors)
	}
	if a.TriggerMode != plan.TriggerAuto || a.AutoInit || a.Kubernetes.PodReadiness != "succeeded" || a.Kubernetes.DiscoveryStrategy != "selectors-only" ||
		!slices.Equal(a.Labels, []string{"one", "two"}) || !slices.Equal(a.DependsOn, []string{"b"}) {
		t.Errorf("a: got %+v %+v", a, a.Kubernetes)
	}
	if want := []string{"Tiltfile:3: resource a depends on nope, which does not exist; the dependency is ignored"}; !slices.Equal(p.Warnings, want) {
		t.Errorf("warnings: got %q", p.Warnings)
	}
}

func TestKubernetes_Errors(t *testing.T) {
	t.Parallel()
	files := "\n-- a.yaml --\n" + deployment("a", "x") + "-- b.yaml --\n" + deployment("b", "x") + "-- m.yaml --" + mixed + "-- bad.yaml --\na: 1\n---\n\nb: [\n-- late.yaml --\n{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n\nx: 1\ny: 2\nb: [\n-- empty.yaml --\n# nothing\n---\n-- values.yaml --\nreplicas: 1\n"
	all := "k8s_yaml(['a.yaml', 'b.yaml', 'm.yaml'])\n"
	for tiltfile, want := range map[string]string{
		"k8s_yaml('gone.yaml')":                            "k8s_yaml: there is no file gone.yaml",
		"k8s_yaml('a: 1\\nb: 2')":                          "k8s_yaml: there is no such file",
		"k8s_yaml('bad.yaml')":                             "k8s_yaml: bad.yaml, the document at line 1: it is not a Kubernetes object: kind or apiVersion is missing",
		"k8s_yaml(blob('a: 1\\nb: [\\n'))":                 "k8s_yaml: the blob is not valid YAML: line 2: did not find expected node content",
		"k8s_yaml('late.yaml')":                            "k8s_yaml: late.yaml is not valid YAML: line 6: did not find expected node content",
		"k8s_yaml(blob('# nothing'))":                      "k8s_yaml: the YAML has no objects",
		"k8s_yaml([])":                                     "k8s_yaml: it names no YAML",
		"k8s_yaml(7)":                                      "k8s_yaml: got int, want a path, a blob or a list of them",
		"k8s_yaml(['a.yaml', 'a.yaml'])":                   "k8s_yaml: the Deployment a is defined twice; the first is at Tiltfile:1",
		all + "k8s_resource()":                             "k8s_resource: it names neither a workload nor objects",
		all + "k8s_resource(objects=['conf'])":             "k8s_resource: a resource of objects without a workload needs new_name",
		all + "k8s_resource('a', 'b')":                     "k8s_resource: there is a resource b already",
		all + "k8s_resource('a', objects=['conf'])":        `k8s_resource: objects: "conf" means several objects: conf:configmap:default, conf:secret:other`,
		all + "k8s_resource('a', objects=['conf3'])":       `k8s_resource: objects: there is no object "conf3"; left are: conf:configmap:default, conf:secret:other, conf2:configmap:default, db:database:default, elsewhere:service:other, external:service:default`,
		all + "k8s_resource('a', objects=['b-svc'])":       "k8s_resource: objects: b-svc:service:default belongs to the resource b already",
		all + "k8s_resource('conf2')":                      `k8s_resource: there is no resource "conf2"; there are: a, b, cron, web`,
		all + "k8s_resource('a', resource_deps=['a'])":     "resource_deps: resource a depends on itself",
		all + "k8s_resource('a', resource_deps='b')":       `k8s_resource: for parameter "resource_deps": got a string, want a list of strings: write ["b"]`,
		all + "k8s_resource('a', labels='a/b')":            `k8s_resource: labels: "a/b": a label cannot contain /`,
		all + "k8s_resource('a', port_forwards='a:80')":    `k8s_resource: port_forwards: "a:80": "a" is not a port`,
		all + "k8s_resource('a', port_forwards=70000)":     "k8s_resource: port_forwards: 70000 is not a port: it must be between 1 and 65535",
		all + "k8s_resource('a', port_forwards='h_h:1:2')": `k8s_resource: port_forwards: "h_h" is neither an address nor the name of a host`,
		all + "k8s_resource('a', pod_readiness='x')":       `k8s_resource: pod_readiness: got "x", want one of wait, succeeded, ignore`,
		all + "k8s_resource('a', trigger_mode='auto')":     "k8s_resource: trigger_mode: got string, want TRIGGER_MODE_AUTO or TRIGGER_MODE_MANUAL",
		all + "k8s_resource('a', port_forward=1)":          `k8s_resource: unexpected keyword argument "port_forward" (did you mean port_forwards?)`,
		all + "k8s_resource('a', 'z')\nk8s_resource('a')":  `k8s_resource: there is no resource "a"; there are: b, cron, web, z`,
		all + "k8s_resource('a', resource_deps=['b'])\nk8s_resource('b', resource_deps=['web'])\nk8s_resource('web', resource_deps=['a'])": "resource_deps: resources depend on each other: a -> b -> web -> a",
	} {
		if got := newProject(t, tiltfile+files).fails(); !strings.Contains(got, ": "+want+"\n") {
			t.Errorf("%s:\ngot  %s\nwant %s", tiltfile, got, want)
		}
	}
}

func TestContextSafety(t *testing.T) {
	t.Parallel()
	yaml := "\n-- a.yaml --\n" + deployment("a", "x")
	for _, test := range []struct {
		context        string
		local          bool
		tiltfile, want string
	}{
		{"", false, "k8s_yaml('a.yaml')", ""},
		{"kind-testbed", true, "k8s_yaml('a.yaml')", ""},
		{"prod", false, "print(k8s_context(), k8s_namespace())", ""},
		{"prod", false, "k8s_yaml('a.yaml')\nallow_k8s_contexts(['x', 'prod'])", ""},
		{"prod", false, "allow_k8s_contexts('prod')\nlocal('true')", ""},
		{"prod", false, "k8s_yaml('a.yaml')", "Tiltfile:1:1: Stop! prod might be production.\n"},
		{"kind-prod", false, "k8s_yaml('a.yaml')", "Tiltfile:1:1: Stop! kind-prod might be production.\n"},
		{"prod", false, "k8s_yaml('a.yaml')\nlocal('true')", "Tiltfile:2:1: local: refusing to run 'local': prod might be a production kube context\n"},
	} {
		p := newProject(t, test.tiltfile+yaml)
		p.opts.KubeContext, p.opts.KubeLocal = test.context, test.local
		if test.want == "" {
			p.plan()
		} else if got := p.fails(); !strings.HasPrefix(got, test.want) || !strings.Contains(got, "\nhint: ") || !strings.Contains(got, "allow_k8s_contexts('"+test.context+"')") {
			t.Errorf("%+v:\ngot %s", test, got)
		}
	}
}
