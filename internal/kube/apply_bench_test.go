package kube_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/testenv"
)

// BenchmarkApply_Unchanged is what `up` does to 20 services of which nothing has changed: a Deployment and a Service each.
func BenchmarkApply_Unchanged(b *testing.B) {
	testbed := testenv.Testbed(b)
	target, err := kube.Load(kube.Config{Path: testbed.Kubeconfig, Context: testbed.Context, LookupEnv: os.LookupEnv})
	if err != nil {
		b.Fatal(err)
	}
	cluster := kube.Connect(target)
	id := "bench-" + suffix()
	var docs []string
	for i := range 20 {
		docs = append(docs, strings.ReplaceAll(`
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 0
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: web, image: busybox}]}`, "NAME", fmt.Sprintf("%s-%d", id, i)))
	}
	injected, err := kube.Inject(objects(b, strings.Join(docs, "\n---\n")), kube.Injection{Environment: id})
	if err != nil {
		b.Fatal(err)
	}
	request := kube.ApplyRequest{Environment: id, Objects: injected}
	result, err := cluster.Apply(b.Context(), request)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := cleanupContext(b)
		defer cancel()
		if err := cluster.Delete(ctx, kube.DeleteRequest{Environment: id, Objects: result.Objects}); err != nil {
			b.Error(err)
		}
	})
	for b.Loop() {
		again, err := cluster.Apply(b.Context(), request)
		if err != nil || again.Changed != 0 {
			b.Fatalf("%d changed, %v", again.Changed, err)
		}
	}
}
