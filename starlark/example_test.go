package starlark_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/envflow/envflow/starlark"
)

func ExampleEvaluate() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "Tiltfile")
	tiltfile := `
docker_build('web', '-', dockerfile_contents='FROM nginx')
k8s_yaml(blob('''
apiVersion: v1
kind: Pod
metadata: {name: frontend}
spec: {containers: [{name: c, image: web}]}
'''))
k8s_resource('frontend', port_forwards=8080)
`
	if err := os.WriteFile(path, []byte(tiltfile), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	result, err := starlark.Evaluate(context.Background(), starlark.Options{Path: path, Subcommand: "up", KubeContext: "kind-dev", KubeLocal: true})
	if err != nil {
		fmt.Println(err) // with file:line:column
		return
	}
	for _, r := range result.Plan.Resources {
		fmt.Println(r.Name, r.Images, r.Kubernetes.PortForwards[0].LocalPort)
	}
	// Output: frontend [web] 8080
}
