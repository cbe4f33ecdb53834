package observe

import (
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Labels and annotations by which controllers mark what belongs to a rollout.
const (
	deploymentRevision = "deployment.kubernetes.io/revision"
	templateGeneration = "pod-template-generation" // of the pods of a DaemonSet
)

// view is all that is known of the cluster at one moment.
type view struct {
	usable       map[string]bool // namespaces that are known
	pods         []*corev1.Pod
	replicaSets  map[types.UID]*appsv1.ReplicaSet
	deployments  map[types.UID]*appsv1.Deployment
	statefulSets map[types.UID]*appsv1.StatefulSet
	daemonSets   map[types.UID]*appsv1.DaemonSet
	jobs         map[types.UID]*batchv1.Job
	owners       map[types.UID][]metav1.OwnerReference
	newest       map[types.UID]types.UID // Deployment to the ReplicaSet of its newest rollout
	doneJobs     map[types.UID]bool      // seen complete; also those that are deleted since
}

func newView(watches map[string]*namespaceWatch, doneJobs map[types.UID]bool) *view {
	v := &view{
		usable:       map[string]bool{},
		replicaSets:  map[types.UID]*appsv1.ReplicaSet{},
		deployments:  map[types.UID]*appsv1.Deployment{},
		statefulSets: map[types.UID]*appsv1.StatefulSet{},
		daemonSets:   map[types.UID]*appsv1.DaemonSet{},
		jobs:         map[types.UID]*batchv1.Job{},
		owners:       map[types.UID][]metav1.OwnerReference{},
		newest:       map[types.UID]types.UID{},
		doneJobs:     doneJobs,
	}
	for namespace, w := range watches {
		v.usable[namespace] = w.usable()
		for _, o := range w.pods.List() {
			pod := o.(*corev1.Pod)
			v.pods = append(v.pods, pod)
			v.owners[pod.UID] = pod.OwnerReferences
		}
		collect(v, w.replicaSets, v.replicaSets)
		collect(v, w.deployments, v.deployments)
		collect(v, w.statefulSets, v.statefulSets)
		collect(v, w.daemonSets, v.daemonSets)
		collect(v, w.jobs, v.jobs)
	}
	for uid, job := range v.jobs {
		if hasCondition(job, batchv1.JobComplete) {
			doneJobs[uid] = true
		}
	}
	for uid, set := range v.replicaSets {
		for _, owner := range set.OwnerReferences {
			if owner.Kind == "Deployment" && v.isNewer(uid, v.newest[owner.UID]) {
				v.newest[owner.UID] = uid
			}
		}
	}
	slices.SortFunc(v.pods, func(a, b *corev1.Pod) int {
		if c := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return v
}

func collect[T metav1.Object](v *view, k *kind, into map[types.UID]T) {
	for _, o := range k.List() {
		object := o.(T)
		into[object.GetUID()] = object
		v.owners[object.GetUID()] = object.GetOwnerReferences()
	}
}

// isNewer reports whether the ReplicaSet a is of a later rollout than b.
func (v *view) isNewer(a, b types.UID) bool {
	if b == "" {
		return true
	}
	ra, _ := strconv.ParseInt(v.replicaSets[a].Annotations[deploymentRevision], 10, 64)
	rb, _ := strconv.ParseInt(v.replicaSets[b].Annotations[deploymentRevision], 10, 64)
	return ra > rb
}

// root returns the first of uids that is, or owns at any depth, the object.
func (v *view) root(object types.UID, uids map[types.UID]bool, depth int) (types.UID, bool) {
	if uids[object] {
		return object, true
	}
	if depth == 0 {
		return "", false
	}
	for _, owner := range v.owners[object] {
		if found, ok := v.root(owner.UID, uids, depth-1); ok {
			return found, true
		}
	}
	return "", false
}

// maxDepth bounds the chain of owners: an object may own itself.
const maxDepth = 8

// found is a pod of a target.
type found struct {
	*corev1.Pod
	root    types.UID // the applied object that it comes from; "" if it was found by labels
	current bool      // belongs to the newest rollout, as far as that is known
}

// podsOf returns the pods of t.
func (v *view) podsOf(t Target) []found {
	uids, namespaces := map[types.UID]bool{}, map[string]bool{}
	for _, o := range t.Objects {
		if o.UID != "" && !t.SelectorsOnly {
			uids[types.UID(o.UID)] = true
		}
		namespaces[o.Namespace] = true
	}
	var pods []found
	for _, pod := range v.pods {
		root, owned := v.root(pod.UID, uids, maxDepth)
		if !owned && !(namespaces[pod.Namespace] && selected(pod, t.ExtraSelectors)) {
			continue
		}
		pods = append(pods, found{pod, root, pod.DeletionTimestamp == nil && v.isCurrent(pod)})
	}
	return pods
}

func selected(pod *corev1.Pod, selectors []map[string]string) bool {
	return slices.ContainsFunc(selectors, func(selector map[string]string) bool {
		for key, value := range selector {
			if got, ok := pod.Labels[key]; !ok || got != value {
				return false
			}
		}
		return len(selector) > 0
	})
}

// isCurrent reports whether a pod is of the newest rollout of what controls it. Pods without a rollout are.
func (v *view) isCurrent(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return true
	}
	switch owner.Kind {
	case "ReplicaSet":
		set, ok := v.replicaSets[owner.UID]
		if !ok {
			return true
		}
		if up := metav1.GetControllerOf(set); up != nil && up.Kind == "Deployment" {
			return v.newest[up.UID] == owner.UID
		}
	case "StatefulSet":
		if set, ok := v.statefulSets[owner.UID]; ok && set.Status.UpdateRevision != "" {
			return pod.Labels[appsv1.ControllerRevisionHashLabelKey] == set.Status.UpdateRevision
		}
	case "DaemonSet":
		if set, ok := v.daemonSets[owner.UID]; ok {
			want, has := set.Annotations[appsv1.DeprecatedTemplateGeneration], pod.Labels[templateGeneration]
			return want == "" || has == "" || has == want
		}
	}
	return true
}

func hasCondition(job *batchv1.Job, kind batchv1.JobConditionType) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == kind && c.Status == corev1.ConditionTrue
	})
}
