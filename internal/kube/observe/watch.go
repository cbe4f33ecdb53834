package observe

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// listLimit is how long listing one kind of one namespace may take.
const listLimit = 20 * time.Second

// kind is one watched kind of one namespace.
type kind struct {
	cache.Store
	synced  atomic.Bool // listed once
	changed func()

	mu        sync.Mutex // guards all below
	failure   error      // why the last list or watch failed; nil if it did not
	forbidden bool       // and that is for want of permission
}

// Replace, Add, Update and Delete are called by the reflector.

func (k *kind) Replace(list []any, version string) error {
	for _, o := range list {
		trim(o)
	}
	err := k.Store.Replace(list, version)
	k.synced.Store(true)
	k.changed()
	return err
}

func (k *kind) Add(o any) error {
	trim(o)
	err := k.Store.Add(o)
	k.changed()
	return err
}

func (k *kind) Update(o any) error {
	trim(o)
	err := k.Store.Update(o)
	k.changed()
	return err
}

func (k *kind) Delete(o any) error {
	err := k.Store.Delete(o)
	k.changed()
	return err
}

// trim drops what is not looked at, values of the environment among them.
func trim(o any) {
	if m, err := meta.Accessor(o); err == nil {
		m.SetManagedFields(nil)
	}
	switch o := o.(type) {
	case *corev1.Pod:
		o.Spec.Volumes = nil
		trimContainers(o.Spec.InitContainers)
		trimContainers(o.Spec.Containers)
	case *appsv1.ReplicaSet:
		o.Spec.Template = corev1.PodTemplateSpec{}
	case *appsv1.Deployment:
		o.Spec.Template = corev1.PodTemplateSpec{}
		delete(o.Annotations, corev1.LastAppliedConfigAnnotation)
	case *appsv1.StatefulSet:
		o.Spec.Template = corev1.PodTemplateSpec{}
	case *appsv1.DaemonSet:
		o.Spec.Template = corev1.PodTemplateSpec{}
	case *batchv1.Job:
		o.Spec.Template = corev1.PodTemplateSpec{}
	}
}

func trimContainers(list []corev1.Container) {
	for i := range list {
		c := &list[i]
		c.Env, c.EnvFrom, c.VolumeMounts, c.Command, c.Args, c.Lifecycle = nil, nil, nil, nil, nil, nil
	}
}

// note remembers how a list or the start of a watch went.
func (k *kind) note(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // stopped, not failed
	}
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		err = nil // the server answers
	}
	k.mu.Lock()
	was := k.failure
	k.failure, k.forbidden = err, apierrors.IsForbidden(err)
	k.mu.Unlock()
	if (was == nil) != (err == nil) {
		k.changed()
	}
}

// problem returns why the kind is not up to date, nil if it is or never can be.
func (k *kind) problem() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.forbidden {
		return nil
	}
	return k.failure
}

// usable reports whether what is in the store is all there is to know.
func (k *kind) usable() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.synced.Load() || k.forbidden
}

// namespaceWatch watches one namespace.
type namespaceWatch struct {
	pods, replicaSets, deployments, statefulSets, daemonSets, jobs *kind

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// watchNamespace starts to watch. changed is called after every change, from several goroutines; seen whenever the server
// gave a sign of life.
func watchNamespace(ctx context.Context, cs kubernetes.Interface, namespace string, changed, seen func()) *namespaceWatch {
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, klog.Logger{}))
	w := &namespaceWatch{cancel: cancel}
	start := func(example runtime.Object, list func(context.Context, metav1.ListOptions) (runtime.Object, error), watch func(context.Context, metav1.ListOptions) (apiwatch.Interface, error)) *kind {
		k := &kind{Store: cache.NewStore(cache.MetaNamespaceKeyFunc), changed: func() {
			seen()
			changed()
		}}
		lw := &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				limited, cancel := context.WithTimeout(ctx, listLimit)
				defer cancel()
				result, err := list(limited, o)
				k.note(ctx, err)
				return result, err
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
				result, err := watch(ctx, o)
				k.note(ctx, err)
				return result, err
			},
		}
		r := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(lw, cs), example, k, cache.ReflectorOptions{
			Name:   fmt.Sprintf("%T in %s", example, namespace),
			Logger: &klog.Logger{},
			// The Observer redials when the server is back, so this need not be quick.
			Backoff: &wait.Backoff{Duration: 300 * time.Millisecond, Cap: 10 * time.Second, Factor: 2, Jitter: 1, Steps: 30},
		})
		w.wg.Go(func() { r.RunWithContext(ctx) })
		return k
	}
	pods, sets, jobs := cs.CoreV1().Pods(namespace), cs.AppsV1(), cs.BatchV1().Jobs(namespace)
	w.pods = start(&corev1.Pod{},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return pods.List(ctx, o) }, pods.Watch)
	w.replicaSets = start(&appsv1.ReplicaSet{},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return sets.ReplicaSets(namespace).List(ctx, o)
		}, sets.ReplicaSets(namespace).Watch)
	w.deployments = start(&appsv1.Deployment{},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return sets.Deployments(namespace).List(ctx, o)
		}, sets.Deployments(namespace).Watch)
	w.statefulSets = start(&appsv1.StatefulSet{},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return sets.StatefulSets(namespace).List(ctx, o)
		}, sets.StatefulSets(namespace).Watch)
	w.daemonSets = start(&appsv1.DaemonSet{},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return sets.DaemonSets(namespace).List(ctx, o)
		}, sets.DaemonSets(namespace).Watch)
	w.jobs = start(&batchv1.Job{},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return jobs.List(ctx, o) }, jobs.Watch)
	return w
}

func (w *namespaceWatch) kinds() []*kind {
	return []*kind{w.pods, w.replicaSets, w.deployments, w.statefulSets, w.daemonSets, w.jobs}
}

// usable reports whether all kinds have been listed.
func (w *namespaceWatch) usable() bool {
	for _, k := range w.kinds() {
		if !k.usable() {
			return false
		}
	}
	return true
}

// problem returns why the watch is not up to date, nil if it is.
func (w *namespaceWatch) problem() error {
	for _, k := range w.kinds() {
		if err := k.problem(); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the watch. What it knows stays readable.
func (w *namespaceWatch) stop() {
	w.cancel()
	w.wg.Wait()
}
