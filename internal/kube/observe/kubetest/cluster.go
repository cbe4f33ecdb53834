package kubetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/envflow/envflow/internal/testenv"
)

// Patience is how long a test waits for the cluster to do something. The machine may be busy.
const Patience = 90 * time.Second

// Busybox is the image of most workloads.
const Busybox = "localhost:5000/library/busybox:latest"

// Config returns the configuration of a client of the testbed, without throttling.
func Config(tb testing.TB) *rest.Config {
	tb.Helper()
	cluster := testenv.Testbed(tb)
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: cluster.Kubeconfig},
		&clientcmd.ConfigOverrides{CurrentContext: cluster.Context},
	).ClientConfig()
	if err != nil {
		tb.Fatalf("read the kubeconfig of the testbed: %v", err)
	}
	config.QPS = -1
	return config
}

// Client returns a client of config.
func Client(tb testing.TB, config *rest.Config) kubernetes.Interface {
	tb.Helper()
	cs, err := kubernetes.NewForConfig(config)
	if err != nil {
		tb.Fatalf("make a client: %v", err)
	}
	return cs
}

// Namespace makes a namespace that is deleted when the test ends.
func Namespace(tb testing.TB, cs kubernetes.Interface) string {
	tb.Helper()
	name := "kubetest-" + rand.String(8)
	spec := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := cs.CoreV1().Namespaces().Create(tb.Context(), spec, metav1.CreateOptions{}); err != nil {
		tb.Fatalf("make a namespace: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 30*time.Second)
		defer cancel()
		if err := cs.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			tb.Errorf("delete the namespace %s: %v", name, err)
		}
	})
	return name
}

// PodSpec returns the spec of a pod with one container, named main, that ends at once when it is told to.
func PodSpec(image string, command ...string) corev1.PodSpec {
	now := int64(0)
	return corev1.PodSpec{
		TerminationGracePeriodSeconds: &now,
		Containers:                    []corev1.Container{{Name: "main", Image: image, ImagePullPolicy: corev1.PullIfNotPresent, Command: command}},
	}
}

// Deployment returns a Deployment of one pod.
func Deployment(name string, spec corev1.PodSpec) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	one := int32(1)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &one,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
}

// RunningPod makes a Pod and returns it when its container runs.
func RunningPod(tb testing.TB, cs kubernetes.Interface, namespace, name string, spec corev1.PodSpec) *corev1.Pod {
	tb.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	// A namespace's service account is made a moment after it.
	testenv.Eventually(tb, Patience, "the pod is accepted", func() error {
		_, err := cs.CoreV1().Pods(namespace).Create(tb.Context(), pod, metav1.CreateOptions{})
		return err
	})
	return WaitRunning(tb, cs, namespace, name, "")
}

// WaitRunning returns a pod when its first container runs, under another ID than the given one.
func WaitRunning(tb testing.TB, cs kubernetes.Interface, namespace, name, not string) *corev1.Pod {
	tb.Helper()
	var found *corev1.Pod
	testenv.Eventually(tb, Patience, "pod "+name+" runs", func() error {
		var err error
		if found, err = cs.CoreV1().Pods(namespace).Get(tb.Context(), name, metav1.GetOptions{}); err != nil {
			return err
		}
		if len(found.Status.ContainerStatuses) == 0 {
			return fmt.Errorf("it is %s", found.Status.Phase)
		}
		status := found.Status.ContainerStatuses[0]
		if status.State.Running == nil || ContainerID(found) == not {
			return errors.New("its container does not run")
		}
		return nil
	})
	return found
}

// ContainerID returns the ID of a pod's first container without scheme.
func ContainerID(pod *corev1.Pod) string {
	_, id, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://")
	return id
}

// Exec runs a command in the first container of a pod.
func Exec(tb testing.TB, config *rest.Config, namespace, pod string, command ...string) error {
	tb.Helper()
	url := Client(tb, config).CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	executor, err := remotecommand.NewSPDYExecutor(config, "POST", url)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	return executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: io.Discard, Stderr: io.Discard})
}
