package render_test

import (
	"fmt"
	"testing"

	"github.com/envflow/envflow/starlark"
)

// BenchmarkHelm renders a chart of 100 templates, each with a Deployment and a Service.
func BenchmarkHelm(b *testing.B) {
	bench(b, "helm('chart', values='values.yaml')", func(p *project) {
		p.write("values.yaml", "{replicas: 2}\n")
		p.write("chart/Chart.yaml", "{apiVersion: v2, name: web, version: 0.1.0}\n")
		p.write("chart/values.yaml", "{replicas: 1, image: {repository: web, tag: dev}}\n")
		p.write("chart/templates/_helpers.tpl", `{{- define "web.labels" }}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}`)
		for i := range 100 {
			p.write(fmt.Sprintf("chart/templates/svc%d.yaml", i), fmt.Sprintf(benchTemplate, i))
		}
	})
}

// BenchmarkKustomize builds an overlay of 100 files, each with a Deployment and a Service.
func BenchmarkKustomize(b *testing.B) {
	bench(b, "kustomize('overlay')", func(p *project) {
		p.write("overlay/kustomization.yaml", "resources: [../base]\nnamePrefix: dev-\nimages: [{name: web, newTag: dev}]\n")
		resources := ""
		for i := range 100 {
			name := fmt.Sprintf("svc%d.yaml", i)
			resources += "  - " + name + "\n"
			p.write("base/"+name, fmt.Sprintf(benchObjects, i))
		}
		p.write("base/kustomization.yaml", "resources:\n"+resources)
	})
}

// BenchmarkBig makes 20 MB of manifests.
func BenchmarkBig(b *testing.B) {
	for name, tiltfile := range bigTiltfiles {
		b.Run(name, func(b *testing.B) { bench(b, "\n"+tiltfile, bigProject) })
	}
}

// bench evaluates a call without and with a cache.
func bench(b *testing.B, call string, prepare func(*project)) {
	b.Helper()
	for _, cached := range []bool{false, true} {
		name := "cold"
		if cached {
			name = "cached"
		}
		b.Run(name, func(b *testing.B) {
			p := newProject(b, call+"\n")
			prepare(p)
			if !cached {
				p.o.Cache = nil
			}
			if _, err := starlark.Evaluate(b.Context(), p.o); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := starlark.Evaluate(b.Context(), p.o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const benchTemplate = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-svc%[1]d
  labels: {{- include "web.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: svc%[1]d}}
  template:
    metadata:
      labels: {app: svc%[1]d}
    spec:
      containers:
        - name: main
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}-svc%[1]d
spec: {selector: {app: svc%[1]d}, ports: [{port: 80}]}
`

const benchObjects = `apiVersion: apps/v1
kind: Deployment
metadata: {name: svc%[1]d}
spec:
  selector: {matchLabels: {app: svc%[1]d}}
  template:
    metadata: {labels: {app: svc%[1]d}}
    spec: {containers: [{name: main, image: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: svc%[1]d}
spec: {selector: {app: svc%[1]d}, ports: [{port: 80}]}
`
