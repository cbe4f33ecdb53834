package render_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestRender_BigManifests: 20 MB come through whole. How long that takes, BenchmarkBig says.
func TestRender_BigManifests(t *testing.T) {
	t.Parallel()
	for name, tiltfile := range bigTiltfiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, tiltfile+"print(len(str(text)), 'name: last' in str(text))\n")
			bigProject(p)
			var size int
			var last string
			if _, err := fmt.Sscan(p.evaluate(), &size, &last); err != nil || size < bigObjects*100_000 || last != "True" {
				t.Errorf("got %d bytes, the last object is there: %s (%v)", size, last, err)
			}
		})
	}
}

var bigTiltfiles = map[string]string{
	"helm":                "text = helm('chart')\n",
	"helm in a namespace": "text = helm('chart', namespace='dev')\n",
	"kustomize":           "text = kustomize('k')\n",
}

// bigProject has a chart and a kustomization that make bigObjects of 100 kB each.
func bigProject(p *project) {
	p.t.Helper()
	const lines = 1100
	line := strings.Repeat("x", 96)
	p.write("chart/Chart.yaml", "{apiVersion: v2, name: web, version: 0.1.0}\n")
	p.write("chart/templates/a.yaml", fmt.Sprintf(`{{- range until %d }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: c{{ . }}
data:
  text: |
    {{- range until %d }}
    %s
    {{- end }}
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: last
`, bigObjects, lines, line))
	p.write("k/kustomization.yaml", "resources: [a.yaml]\n")
	var b strings.Builder
	for i := range bigObjects {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c%d\ndata:\n  text: |\n", i)
		b.WriteString(strings.Repeat("    "+line+"\n", lines))
	}
	b.WriteString("---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: last\n")
	p.write("k/a.yaml", b.String())
}
