package observe

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// verdict is what one object, or one pod, contributes to the status of its resource.
type verdict struct {
	runtime        string // RuntimePending, RuntimeOK, RuntimeError; "" if it has no say
	reason, detail string
	unobserved     bool // the rollout has not begun: no pod belongs to it
}

var fine = verdict{runtime: RuntimeOK}

func pending(format string, args ...any) verdict {
	return verdict{runtime: RuntimePending, reason: fmt.Sprintf(format, args...)}
}

func broken(format string, args ...any) verdict {
	return verdict{runtime: RuntimeError, reason: fmt.Sprintf(format, args...)}
}

func unobserved(o Object) verdict {
	v := pending("the cluster has not seen the new %s %s yet", o.Kind, o.Name)
	v.unobserved = true
	return v
}

// rollout judges an applied object. What is no workload has no say; Pods are judged with all pods.
func (v *view) rollout(o Object) verdict {
	if !workload(o) {
		return verdict{}
	}
	if !v.usable[o.Namespace] {
		r := pending("waiting for the state of namespace %s", o.Namespace)
		r.unobserved = true
		return r
	}
	uid := types.UID(o.UID)
	switch o.Kind {
	case "Deployment":
		if d, ok := v.deployments[uid]; ok && o.Generation <= d.Generation {
			return deploymentRollout(d, o)
		}
	case "StatefulSet":
		if s, ok := v.statefulSets[uid]; ok && o.Generation <= s.Generation {
			return statefulSetRollout(s, o)
		}
	case "DaemonSet":
		if d, ok := v.daemonSets[uid]; ok && o.Generation <= d.Generation {
			return daemonSetRollout(d, o)
		}
	case "ReplicaSet":
		if s, ok := v.replicaSets[uid]; ok && o.Generation <= s.Generation {
			return replicaSetRollout(s, o)
		}
	case "Job":
		return v.jobRollout(uid, o)
	case "Pod":
		for _, pod := range v.pods {
			if pod.UID == uid {
				return verdict{}
			}
		}
		if v.doneJobs[uid] {
			return fine
		}
	}
	return unobserved(o)
}

// workload reports whether o is of a kind whose rollout is known.
func workload(o Object) bool {
	switch o.Kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return o.APIVersion == "apps/v1"
	case "Job":
		return o.APIVersion == "batch/v1"
	case "Pod":
		return o.APIVersion == "v1"
	}
	return false
}

func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

func deploymentRollout(d *appsv1.Deployment, o Object) verdict {
	if d.Status.ObservedGeneration < d.Generation {
		return unobserved(o)
	}
	want := replicas(d.Spec.Replicas)
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded" {
			return broken("Deployment %s did not become available within its progress deadline", o.Name)
		}
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			r := pending("Deployment %s cannot create pods (%s)", o.Name, c.Reason)
			r.detail = c.Message
			return r
		}
	}
	switch s := d.Status; {
	case s.UpdatedReplicas < want:
		return pending("Deployment %s has updated %d of %d pods", o.Name, s.UpdatedReplicas, want)
	case s.Replicas > s.UpdatedReplicas:
		return pending("Deployment %s has %d old pods left", o.Name, s.Replicas-s.UpdatedReplicas)
	case s.AvailableReplicas < s.UpdatedReplicas:
		return pending("Deployment %s has %d of %d pods available", o.Name, s.AvailableReplicas, s.UpdatedReplicas)
	}
	return fine
}

func statefulSetRollout(s *appsv1.StatefulSet, o Object) verdict {
	if s.Status.ObservedGeneration < s.Generation {
		return unobserved(o)
	}
	want := replicas(s.Spec.Replicas)
	if s.Status.ReadyReplicas < want {
		return pending("StatefulSet %s has %d of %d pods ready", o.Name, s.Status.ReadyReplicas, want)
	}
	if s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return fine
	}
	if rolling := s.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil && *rolling.Partition > 0 {
		if updated := want - *rolling.Partition; s.Status.UpdatedReplicas < updated {
			return pending("StatefulSet %s has updated %d of %d pods", o.Name, s.Status.UpdatedReplicas, updated)
		}
		return fine
	}
	if s.Status.UpdateRevision != s.Status.CurrentRevision {
		return pending("StatefulSet %s has updated %d of %d pods", o.Name, s.Status.UpdatedReplicas, want)
	}
	return fine
}

func daemonSetRollout(d *appsv1.DaemonSet, o Object) verdict {
	if d.Status.ObservedGeneration < d.Generation {
		return unobserved(o)
	}
	want := d.Status.DesiredNumberScheduled
	switch {
	case d.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType && d.Status.UpdatedNumberScheduled < want:
		return pending("DaemonSet %s has updated %d of %d pods", o.Name, d.Status.UpdatedNumberScheduled, want)
	case d.Status.NumberAvailable < want:
		return pending("DaemonSet %s has %d of %d pods available", o.Name, d.Status.NumberAvailable, want)
	}
	return fine
}

func replicaSetRollout(s *appsv1.ReplicaSet, o Object) verdict {
	if s.Status.ObservedGeneration < s.Generation {
		return unobserved(o)
	}
	if want := replicas(s.Spec.Replicas); s.Status.AvailableReplicas < want {
		return pending("ReplicaSet %s has %d of %d pods available", o.Name, s.Status.AvailableReplicas, want)
	}
	return fine
}

// jobRollout remembers jobs that were complete: one with a time to live is deleted afterwards.
func (v *view) jobRollout(uid types.UID, o Object) verdict {
	if v.doneJobs[uid] {
		return fine
	}
	job, ok := v.jobs[uid]
	if !ok {
		return unobserved(o)
	}
	for _, c := range job.Status.Conditions {
		if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
			r := broken("Job %s failed (%s)", o.Name, c.Reason)
			r.detail = c.Message
			return r
		}
	}
	if job.Spec.Suspend != nil && *job.Spec.Suspend {
		return pending("Job %s is suspended", o.Name)
	}
	return pending("Job %s has not completed", o.Name)
}
