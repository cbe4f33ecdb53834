package starlark_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envflow/envflow/starlark"
)

// The largest project the design asks for: 300 images and resources, 600 objects in 5 MB of YAML.
const (
	benchServices = 300
	benchYAML     = 5 << 20 // bytes
)

// BenchmarkEvaluate measures the first evaluation, cold, and one after a Dockerfile was saved, when a cache has the rest.
func BenchmarkEvaluate(b *testing.B) {
	b.Run("cold", func(b *testing.B) {
		o := benchProject(b)
		for b.Loop() {
			benchEvaluate(b, o)
		}
	})
	b.Run("one Dockerfile changed", func(b *testing.B) {
		o := benchProject(b)
		o.Cache = starlark.NewCache()
		benchEvaluate(b, o)
		n := 0
		for b.Loop() {
			b.StopTimer()
			n++
			benchWrite(b, o, "svc7/Dockerfile", fmt.Sprintf("ARG BASE=busybox\nFROM $BASE\nCOPY web /www\nENV N=%d\n", n))
			b.StartTimer()
			benchEvaluate(b, o)
		}
	})
}

func benchProject(b *testing.B) starlark.Options {
	b.Helper()
	o := starlark.Options{Path: filepath.Join(b.TempDir(), "Tiltfile")}
	var tiltfile, yaml strings.Builder
	for i := range benchServices {
		name := fmt.Sprintf("svc%d", i)
		benchWrite(b, o, name+"/Dockerfile", "ARG BASE=busybox\nFROM $BASE\nCOPY web /www\n")
		fmt.Fprintf(&tiltfile, "docker_build('%[1]s', '%[1]s', ignore=['*.md'], live_update=[sync('%[1]s/web', '/www')])\nk8s_resource('%[1]s', port_forwards='%[2]d:8080', labels=['a'])\n", name, 10000+i)
		yaml.WriteString(deployment(name, name))
		fmt.Fprintf(&yaml, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata:\n", name)
		for line := 0; yaml.Len() < (i+1)*benchYAML/benchServices; line++ {
			fmt.Fprintf(&yaml, "  setting-%d: \"value %d of %s\"\n", line, line, name)
		}
		yaml.WriteString("---\n")
	}
	benchWrite(b, o, "k.yaml", yaml.String())
	benchWrite(b, o, "Tiltfile", "k8s_yaml('k.yaml')\n"+tiltfile.String())
	return o
}

func benchWrite(b *testing.B, o starlark.Options, name, content string) {
	b.Helper()
	path := filepath.Join(filepath.Dir(o.Path), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		b.Fatal(err)
	}
}

func benchEvaluate(b *testing.B, o starlark.Options) {
	b.Helper()
	result, err := starlark.Evaluate(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	if len(result.Plan.Resources) != benchServices+1 || len(result.Plan.Images) != benchServices {
		b.Fatalf("got %d resources and %d images", len(result.Plan.Resources), len(result.Plan.Images))
	}
}
