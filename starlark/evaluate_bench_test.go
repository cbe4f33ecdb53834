package starlark_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envflow/envflow/starlark"
)

// BenchmarkEvaluate is the largest project the design asks for: 300 images and resources, 600 objects. It has to stay well under
// 200 ms.
func BenchmarkEvaluate(b *testing.B) {
	const services = 300
	dir := b.TempDir()
	var tiltfile, yaml strings.Builder
	tiltfile.WriteString("k8s_yaml('k.yaml')\n")
	write := func(name, content string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for i := range services {
		name := fmt.Sprintf("svc%d", i)
		write(name+"/Dockerfile", "ARG BASE=busybox\nFROM $BASE\nCOPY web /www\n")
		fmt.Fprintf(&tiltfile, "docker_build('%[1]s', '%[1]s', ignore=['*.md'], live_update=[sync('%[1]s/web', '/www')])\nk8s_resource('%[1]s', port_forwards='%[2]d:8080', labels=['a'])\n", name, 10000+i)
		yaml.WriteString(deployment(name, name) + "---\n")
	}
	write("Tiltfile", tiltfile.String())
	write("k.yaml", yaml.String())
	for b.Loop() {
		result, err := starlark.Evaluate(b.Context(), starlark.Options{Path: filepath.Join(dir, "Tiltfile")})
		if err != nil {
			b.Fatal(err)
		}
		if len(result.Plan.Resources) != services || len(result.Plan.Images) != services {
			b.Fatalf("got %d resources and %d images", len(result.Plan.Resources), len(result.Plan.Images))
		}
	}
}
