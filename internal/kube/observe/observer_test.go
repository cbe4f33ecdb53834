package observe_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/envflow/envflow/internal/kube/observe"
	"github.com/envflow/envflow/internal/kube/observe/kubetest"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/testenv"
)

// bench is a running observer with a namespace.
type bench struct {
	cs        kubernetes.Interface
	namespace string
	o         *observe.Observer

	mu   sync.Mutex // guards told
	told map[string][]observe.Status
}

func setUp(t *testing.T, through func(*rest.Config) *rest.Config) *bench {
	t.Helper()
	config := kubetest.Config(t)
	b := &bench{cs: kubetest.Client(t, config), told: map[string][]observe.Status{}}
	b.namespace = kubetest.Namespace(t, b.cs)
	if through != nil {
		config = through(config)
	}
	b.o = observe.New(kubetest.Client(t, config), func(s observe.Status) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.told[s.Resource] = append(b.told[s.Resource], s)
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		b.o.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return b
}

// until waits for a status.
func (b *bench) until(t *testing.T, resource, what string, is func(observe.Status) bool) observe.Status {
	t.Helper()
	var s observe.Status
	testenv.Eventually(t, kubetest.Patience, resource+" is "+what, func() error {
		if s = b.o.Statuses()[resource]; !is(s) {
			return fmt.Errorf("it is %+v", s)
		}
		return nil
	})
	return s
}

func isReady(s observe.Status) bool { return s.Ready && s.Runtime == observe.RuntimeOK }

func fails(words string) func(observe.Status) bool {
	return func(s observe.Status) bool {
		return s.Runtime == observe.RuntimeError && !s.Ready && strings.Contains(s.Reason, words)
	}
}

func waits(words string) func(observe.Status) bool {
	return func(s observe.Status) bool {
		return s.Runtime == observe.RuntimePending && !s.Ready && strings.Contains(s.Reason, words)
	}
}

func object(apiVersion, kind string, m metav1.ObjectMeta) observe.Object {
	return observe.Object{APIVersion: apiVersion, Kind: kind, Namespace: m.Namespace, Name: m.Name, UID: string(m.UID), Generation: m.Generation}
}

func target(o observe.Object) observe.Target {
	return observe.Target{Resource: o.Name, Objects: []observe.Object{o}, Readiness: plan.ReadinessWait}
}

// deploy creates a Deployment and observes it.
func (b *bench) deploy(t *testing.T, name string, spec corev1.PodSpec) *appsv1.Deployment {
	t.Helper()
	d, err := b.cs.AppsV1().Deployments(b.namespace).Create(t.Context(), kubetest.Deployment(name, spec), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.o.Update(target(object("apps/v1", "Deployment", d.ObjectMeta)))
	return d
}

func sleeper() corev1.PodSpec {
	return kubetest.PodSpec(kubetest.Busybox, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done")
}

func TestObserver_FollowsARollout(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	d := b.deploy(t, "web", sleeper())
	first := b.until(t, "web", "ready", isReady)
	if len(first.Pods) != 1 || !first.Pods[0].Current || !first.Pods[0].Ready || first.Pods[0].Containers[0].State != observe.StateRunning ||
		len(first.Pods[0].Containers[0].ID) != 64 || first.Reason != "" {
		t.Errorf("ready: %+v", first)
	}
	// Applied again without a change: ready at once.
	if s := b.o.Update(target(object("apps/v1", "Deployment", d.ObjectMeta))); !isReady(s) {
		t.Errorf("nothing changed: %+v", s)
	}
	d, err := b.cs.AppsV1().Deployments(b.namespace).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
	if d, err = b.cs.AppsV1().Deployments(b.namespace).Update(t.Context(), d, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if s := b.o.Update(target(object("apps/v1", "Deployment", d.ObjectMeta))); s.Runtime != observe.RuntimePending || s.Ready {
		t.Errorf("the new rollout is taken for the old: %+v", s)
	}
	second := b.until(t, "web", "ready with the new pod only", func(s observe.Status) bool { return isReady(s) && len(s.Pods) == 1 && s.Pods[0].Current })
	if second.Pods[0].UID == first.Pods[0].UID {
		t.Error("the pod is still the old one")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.told["web"] {
		for _, p := range s.Pods {
			if p.UID == first.Pods[0].UID && p.Current && s.Ready && len(s.Pods) > 1 {
				t.Errorf("both rollouts at once: %+v", s)
			}
		}
	}
}

func TestObserver_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	const secret = "these are the last words"
	crash := kubetest.PodSpec(kubetest.Busybox, "sh", "-c", "echo "+secret+"; exit 7")
	crash.Containers[0].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	b.deploy(t, "crash", crash)
	b.deploy(t, "pull", kubetest.PodSpec("localhost:5000/library/not-there:1"))
	huge := sleeper()
	huge.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000")}
	b.deploy(t, "huge", huge)
	config := sleeper()
	config.Containers[0].EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "absent"}}}}
	b.deploy(t, "config", config)
	probe := sleeper()
	probe.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(1)}}}
	b.deploy(t, "probe", probe)
	start := kubetest.PodSpec(kubetest.Busybox, "/no/such/program")
	b.deploy(t, "start", start)
	initial := sleeper()
	initial.InitContainers = []corev1.Container{{Name: "before", Image: kubetest.Busybox, Command: []string{"sh", "-c", "exit 9"}}}
	b.deploy(t, "initial", initial)

	s := b.until(t, "crash", "in a crash loop", fails("CrashLoopBackOff"))
	if !strings.Contains(s.Reason, "exit code 7") || strings.Contains(s.Reason, secret) || !strings.Contains(s.Detail, secret) {
		t.Errorf("crash: reason %q, detail %q", s.Reason, s.Detail)
	}
	b.until(t, "pull", "without image", fails("cannot be pulled"))
	b.until(t, "huge", "not scheduled", waits("Insufficient cpu"))
	b.until(t, "config", "without its ConfigMap", fails("CreateContainerConfigError"))
	b.until(t, "probe", "not ready", waits("readiness probe"))
	b.until(t, "start", "not started", func(s observe.Status) bool { return s.Runtime == observe.RuntimeError })
	b.until(t, "initial", "held up", fails("container before ended with exit code 9"))
}

func TestObserver_JudgesJobsPodsAndOthers(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	job := func(name, script string) {
		t.Helper()
		none, ttl := int32(0), int32(0)
		spec := kubetest.PodSpec(kubetest.Busybox, "sh", "-c", script)
		spec.RestartPolicy = corev1.RestartPolicyNever
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: batchv1.JobSpec{
			BackoffLimit: &none, Template: corev1.PodTemplateSpec{Spec: spec},
		}}
		if name == "short" {
			j.Spec.TTLSecondsAfterFinished = &ttl
		}
		j, err := b.cs.BatchV1().Jobs(b.namespace).Create(t.Context(), j, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.o.Update(target(object("batch/v1", "Job", j.ObjectMeta)))
	}
	job("good", "exit 0")
	job("bad", "exit 1")
	job("short", "exit 0")
	job("long", "sleep 600")

	spec := sleeper()
	spec.RestartPolicy = corev1.RestartPolicyNever
	plain := kubetest.RunningPod(t, b.cs, b.namespace, "plain", spec)
	b.o.Update(target(object("v1", "Pod", plain.ObjectMeta)))
	done := kubetest.PodSpec(kubetest.Busybox, "sh", "-c", "exit 0")
	done.RestartPolicy = corev1.RestartPolicyNever
	ended, err := b.cs.CoreV1().Pods(b.namespace).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ended"}, Spec: done}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	succeeded := target(object("v1", "Pod", ended.ObjectMeta))
	succeeded.Readiness = plan.ReadinessSucceeded
	b.o.Update(succeeded)
	b.o.Update(target(observe.Object{APIVersion: "v1", Kind: "ConfigMap", Namespace: b.namespace, Name: "map", UID: "x"}))
	ignored := target(observe.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: b.namespace, Name: "ignored", UID: "y"})
	ignored.Readiness = plan.ReadinessIgnore
	b.o.Update(ignored)
	b.o.Update(target(observe.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: b.namespace, Name: "absent", UID: "z"}))
	b.o.Update(observe.Target{Resource: "empty"})
	// Found by labels: what an operator made, whose objects nobody knows.
	b.deploy(t, "operated", sleeper())
	bySelector := target(observe.Object{APIVersion: "example.com/v1", Kind: "Thing", Namespace: b.namespace, Name: "selected", UID: "s"})
	bySelector.ExtraSelectors = []map[string]string{{"app": "operated"}}
	b.o.Update(bySelector)

	b.until(t, "good", "done", isReady)
	b.until(t, "bad", "failed", fails("Job bad failed"))
	b.until(t, "long", "running", waits(""))
	b.until(t, "plain", "ready", isReady)
	b.until(t, "ended", "done", isReady)
	b.until(t, "map", "ready", isReady)
	b.until(t, "ignored", "ready", isReady)
	b.until(t, "absent", "not seen", waits("has not seen"))
	b.until(t, "empty", "nothing", func(s observe.Status) bool { return s.Runtime == observe.RuntimeNone && !s.Ready })
	b.until(t, "selected", "ready", func(s observe.Status) bool { return isReady(s) && len(s.Pods) == 1 })
	testenv.Eventually(t, kubetest.Patience, "the short-lived job is deleted", func() error {
		if _, err := b.cs.BatchV1().Jobs(b.namespace).Get(t.Context(), "short", metav1.GetOptions{}); err == nil {
			return fmt.Errorf("it is there")
		}
		return nil
	})
	b.until(t, "short", "done though deleted", func(s observe.Status) bool { return isReady(s) && len(s.Pods) == 0 })
}

func TestObserver_FollowsSetsOfPods(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	labels := map[string]string{"app": "set"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: sleeper()}
	one := int32(1)
	sts, err := b.cs.AppsV1().StatefulSets(b.namespace).Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "sts"},
		Spec:       appsv1.StatefulSetSpec{Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template, ServiceName: "sts"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dsLabels := map[string]string{"app": "ds"}
	template.Labels = dsLabels
	ds, err := b.cs.AppsV1().DaemonSets(b.namespace).Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "ds"},
		Spec:       appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: dsLabels}, Template: template},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.o.Set([]observe.Target{target(object("apps/v1", "StatefulSet", sts.ObjectMeta)), target(object("apps/v1", "DaemonSet", ds.ObjectMeta))})
	oldSts, oldDs := b.until(t, "sts", "ready", isReady), b.until(t, "ds", "ready", isReady)

	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"A","value":"b"}]}]}}}}`)
	const merge = "application/strategic-merge-patch+json"
	if sts, err = b.cs.AppsV1().StatefulSets(b.namespace).Patch(t.Context(), "sts", merge, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if ds, err = b.cs.AppsV1().DaemonSets(b.namespace).Patch(t.Context(), "ds", merge, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []observe.Object{object("apps/v1", "StatefulSet", sts.ObjectMeta), object("apps/v1", "DaemonSet", ds.ObjectMeta)} {
		if s := b.o.Update(target(o)); s.Ready {
			t.Errorf("%s: the new rollout is taken for the old: %+v", o.Kind, s)
		}
	}
	renewed := func(old observe.Status) func(observe.Status) bool {
		return func(s observe.Status) bool {
			return isReady(s) && len(s.Pods) == 1 && s.Pods[0].UID != old.Pods[0].UID && s.Pods[0].Current
		}
	}
	b.until(t, "sts", "ready with a new pod", renewed(oldSts))
	b.until(t, "ds", "ready with a new pod", renewed(oldDs))
	b.o.Set(nil)
	if s := b.o.Statuses(); len(s) != 0 {
		t.Errorf("left over: %+v", s)
	}
}

// There is a word on the cluster before anything is deployed.
func TestObserver_KnowsWhetherTheClusterAnswers(t *testing.T) {
	t.Parallel()
	b := setUp(t, nil)
	testenv.Eventually(t, kubetest.Patience, "the cluster answers", func() error {
		if ok, _, why := b.o.Connected(); !ok {
			return fmt.Errorf("%s", why)
		}
		return nil
	})
	nowhere := observe.New(kubetest.Client(t, &rest.Config{Host: "https://127.0.0.1:1"}), func(observe.Status) {})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		nowhere.Run(ctx)
		close(done)
	}()
	testenv.Eventually(t, kubetest.Patience, "it does not", func() error {
		if ok, _, why := nowhere.Connected(); ok || !strings.Contains(why, "refused") {
			return fmt.Errorf("connected %v, %s", ok, why)
		}
		return nil
	})
	cancel()
	<-done
}

// The way to the API server is cut, silent, and back; what happened meanwhile is seen.
func TestObserver_ReconnectsForEver(t *testing.T) {
	t.Parallel()
	var proxy *kubetest.Proxy
	b := setUp(t, func(c *rest.Config) *rest.Config {
		c, proxy = kubetest.Through(t, c)
		return c
	})
	connected := func(want bool, limit time.Duration) {
		t.Helper()
		testenv.Eventually(t, limit, fmt.Sprintf("connected is %v", want), func() error {
			ok, _, why := b.o.Connected()
			if ok != want || (why == "") != ok {
				return fmt.Errorf("it is %v (%s)", ok, why)
			}
			return nil
		})
	}
	scale := func(n int32) {
		t.Helper()
		d, err := b.cs.AppsV1().Deployments(b.namespace).Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		d.Spec.Replicas = &n
		if _, err := b.cs.AppsV1().Deployments(b.namespace).Update(t.Context(), d, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	pods := func(n int) {
		t.Helper()
		b.until(t, "web", fmt.Sprintf("ready with %d pods", n), func(s observe.Status) bool { return isReady(s) && len(s.Pods) == n })
	}
	b.deploy(t, "web", sleeper())
	pods(1)
	connected(true, kubetest.Patience)

	proxy.Drop()
	scale(2)
	pods(2)

	proxy.Cut()
	connected(false, 15*time.Second)
	scale(1)
	if s := b.o.Statuses()["web"]; len(s.Pods) != 2 {
		t.Errorf("while cut: %+v", s)
	}
	proxy.Heal()
	pods(1)
	connected(true, 15*time.Second)

	proxy.Freeze()
	connected(false, 30*time.Second)
	scale(2)
	proxy.Lose()
	pods(2)
	connected(true, 30*time.Second)

	proxy.Freeze() // sleep: nobody has noticed yet
	scale(1)
	proxy.Lose()
	b.o.Redial()
	pods(1)
}
