package kube_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/testenv"
)

func cleanupContext(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
}

func TestDelete_ReturnsWhenPodsAreGone(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	e.apply(web)
	pods := b.Clientset().CoreV1().Pods(b.namespace)
	testenv.Eventually(t, time.Minute, "the pod runs", func() error {
		list, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].Status.Phase != "Running" {
			return fmt.Errorf("%d pods", len(list.Items))
		}
		return nil
	})
	if err := b.Delete(t.Context(), kube.DeleteRequest{Environment: e.id, Objects: e.known}); err != nil {
		t.Fatal(err)
	}
	list, err := pods.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 0 {
		t.Errorf("%d pods are left", len(list.Items))
	}
	for _, o := range e.known {
		if b.live(o) != nil {
			t.Errorf("%s/%s is left", o.Kind, o.Name)
		}
	}
	found, err := b.FindLabelled(t.Context(), e.id, nil)
	if err != nil || len(found) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
	// Again is fine.
	if err := b.Delete(t.Context(), kube.DeleteRequest{Environment: e.id, Objects: e.known}); err != nil {
		t.Error(err)
	}
}

func TestDelete_KeepsNamespacesAndWhatSaysSo(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	e.apply(strings.ReplaceAll(`
apiVersion: v1
kind: Namespace
metadata: {name: MADE}
---
apiVersion: v1
kind: Namespace
metadata: {name: FOUND}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {storageClassName: none, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kept, annotations: {tilt.dev/down-policy: keep}}
`, "MADE", b.namespace+"-made"), func(r *kube.ApplyRequest) {
		for _, o := range r.Objects {
			if o.GetName() == "FOUND" {
				o.SetName(b.namespace)
			}
		}
	})
	left := func() string {
		var all []string
		for _, o := range e.known {
			if live := b.live(o); live != nil && live.GetDeletionTimestamp() == nil {
				ours := ""
				if live.GetLabels()[kube.LabelEnvironment] != "" {
					ours = " ours"
				}
				all = append(all, strings.TrimPrefix(o.Kind+"/"+o.Name, "Namespace/"+b.namespace)+ours)
			}
		}
		return strings.Join(all, ", ")
	}
	for _, step := range []struct {
		request kube.DeleteRequest
		want    string
	}{
		{kube.DeleteRequest{KeepData: true}, " ours, -made ours, ConfigMap/kept ours, PersistentVolumeClaim/data ours"},
		{kube.DeleteRequest{DeleteNamespaces: true}, ", ConfigMap/kept"},
	} {
		step.request.Environment, step.request.Objects = e.id, e.known
		if err := b.Delete(t.Context(), step.request); err != nil {
			t.Fatal(err)
		}
		if got := left(); got != step.want {
			t.Errorf("with %+v there is %q, want %q", step.request.KeepData, got, step.want)
		}
	}
}

// A namespace that `down` keeps must not keep the next environment out, and is still known as ours to the same one.
func TestDelete_LeavesANamespaceToTheNextEnvironment(t *testing.T) {
	b := newBed(t)
	one, two := b.environment("one"), b.environment("two")
	text := "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + b.namespace + "-x}"
	one.apply(text)
	t.Cleanup(func() {
		one.deleteAll(true)
	})
	down := func(e *environment) {
		if err := b.Delete(t.Context(), kube.DeleteRequest{Environment: e.id, Objects: e.known}); err != nil {
			t.Fatal(err)
		}
	}
	down(one)
	two.apply(text)
	down(two)
	one.apply(text)
	if by := one.live(one.known[0]).GetAnnotations()[kube.AnnotationCreatedBy]; by != one.id {
		t.Errorf("created by %q", by)
	}
}

func TestDelete_SaysWhatIsStillThere(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	e.apply(strings.Replace(settings, "name: settings", "name: settings, finalizers: [envflow.dev/test]", 1))
	err := b.Delete(t.Context(), kube.DeleteRequest{Environment: e.id, Objects: e.known, Timeout: time.Second})
	if classified := failure.Of(err); classified.Class != failure.User || !strings.Contains(classified.Summary, "ConfigMap/settings (waits for envflow.dev/test)") {
		t.Errorf("error %v of class %s", err, classified.Class)
	}
	_, err = b.Clientset().CoreV1().ConfigMaps(b.namespace).Patch(t.Context(), "settings", "application/merge-patch+json",
		[]byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	if err != nil {
		t.Error(err)
	}
}

func TestDelete_EndsWithItsContext(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	e.apply(settings)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Delete(ctx, kube.DeleteRequest{Environment: e.id, Objects: e.known}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}
