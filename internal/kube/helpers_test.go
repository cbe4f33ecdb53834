package kube_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/testenv"
)

// bed is a namespace of a test on the testbed.
type bed struct {
	*kube.Cluster
	t         *testing.T
	namespace string
}

// environment is one environment that applies to a bed's cluster.
type environment struct {
	*bed
	id    string
	known []kube.Applied
	mu    sync.Mutex // guards lines
	lines []string
}

func suffix() string { return strings.ToLower(rand.Text()[:8]) }

func newBed(t *testing.T) *bed {
	t.Helper()
	t.Parallel()
	testbed := testenv.Testbed(t)
	namespace := "kube-" + suffix()
	target, err := kube.Load(kube.Config{Path: testbed.Kubeconfig, Context: testbed.Context, Namespace: namespace, LookupEnv: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{Cluster: kube.Connect(target), t: t, namespace: namespace}
	namespaces := b.Clientset().CoreV1().Namespaces()
	if _, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := namespaces.Delete(context.WithoutCancel(t.Context()), namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bed) environment(id string) *environment {
	return &environment{bed: b, id: id + "-" + suffix()}
}

// objects reads a YAML stream as a Tiltfile would hand it over.
func objects(t testing.TB, text string) []plan.Object {
	t.Helper()
	var all []plan.Object
	for doc := range strings.SplitSeq(text, "\n---\n") {
		data, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		var obj unstructured.Unstructured
		if err := obj.UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
		all = append(all, plan.Object{APIVersion: obj.GetAPIVersion(), Kind: obj.GetKind(), Namespace: obj.GetNamespace(), Name: obj.GetName(), JSON: data})
	}
	return all
}

// try injects and applies, and keeps the records for the next time.
func (e *environment) try(text string, change ...func(*kube.ApplyRequest)) (kube.ApplyResult, error) {
	e.t.Helper()
	injected, err := kube.Inject(objects(e.t, text), kube.Injection{Environment: e.id, Owner: "ann@desk:/src/" + e.id, Resource: "web", Namespace: e.namespace})
	if err != nil {
		return kube.ApplyResult{}, err
	}
	request := kube.ApplyRequest{
		Environment: e.id, Owner: "ann@desk:/src/" + e.id, Resource: "web", Objects: injected, Known: e.known, ServerSide: "auto",
		Log: func(line string) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.lines = append(e.lines, line)
		},
	}
	for _, f := range change {
		f(&request)
	}
	result, err := e.Apply(e.t.Context(), request)
	e.known = result.Objects
	return result, err
}

func (e *environment) apply(text string, change ...func(*kube.ApplyRequest)) kube.ApplyResult {
	e.t.Helper()
	result, err := e.try(text, change...)
	if err != nil {
		e.t.Fatalf("apply: %v\n%s", err, e.log())
	}
	return result
}

func (e *environment) log() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.lines, "\n")
}

// actions tells what was done to each object.
func actions(result kube.ApplyResult) string {
	var all []string
	for _, o := range result.Objects {
		all = append(all, fmt.Sprintf("%s/%s %s", o.Kind, o.Name, o.Action))
	}
	return strings.Join(all, ", ")
}

func wantActions(t *testing.T, result kube.ApplyResult, want string) {
	t.Helper()
	if got := actions(result); got != want {
		t.Errorf("did: %s\nwant: %s", got, want)
	}
}

// kubectl runs the testbed's kubectl in the namespace.
func (b *bed) kubectl(stdin string, args ...string) {
	b.t.Helper()
	target := b.Target()
	cmd := exec.CommandContext(b.t.Context(), "go", append([]string{
		"run", "./dev/testbed", "kubectl",
		"--kubeconfig", target.Path, "--context", target.Context, "--namespace", b.namespace,
	}, args...)...)
	cmd.Dir = testenv.Root(b.t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as testenv: one binary for runs with and without the race detector
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("kubectl %s: %v\n%s", args, err, out)
	}
}

// live returns the object of a record, nil if there is none.
func (b *bed) live(o kube.Applied) *unstructured.Unstructured {
	b.t.Helper()
	version, kind := o.APIVersion, o.Kind
	obj := &unstructured.Unstructured{}
	obj.SetAPIVersion(version)
	obj.SetKind(kind)
	mapping, err := b.Mapper().RESTMapping(obj.GroupVersionKind().GroupKind(), obj.GroupVersionKind().Version)
	if err != nil {
		b.t.Fatal(err)
	}
	list, err := b.Dynamic().Resource(mapping.Resource).Namespace(o.Namespace).List(b.t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + o.Name})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(list.Items) == 0 {
		return nil
	}
	return &list.Items[0]
}
