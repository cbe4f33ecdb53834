package observe

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/envflow/envflow/internal/plan"
)

// status judges a target by what is known.
func (v *view) status(t Target) Status {
	pods := v.podsOf(t)
	rollouts := make([]verdict, len(t.Objects))
	unseen := map[types.UID]bool{} // roots whose rollout has not begun
	for i, o := range t.Objects {
		rollouts[i] = v.rollout(o)
		if rollouts[i].unobserved {
			unseen[types.UID(o.UID)] = true
		}
		if o.Kind == "Pod" {
			v.remember(types.UID(o.UID), pods)
		}
	}
	s := Status{Resource: t.Resource}
	for i := range pods {
		if pods[i].root != "" && unseen[pods[i].root] {
			pods[i].current = false
		}
		s.Pods = append(s.Pods, describe(pods[i]))
	}
	var judged verdict
	switch {
	case len(t.Objects) == 0 && len(pods) == 0:
		judged = verdict{runtime: RuntimeNone, reason: "nothing is deployed"}
	case t.Readiness == plan.ReadinessIgnore:
		judged = fine
	default:
		judged = combine(t, rollouts, pods)
	}
	s.Runtime, s.Ready = judged.runtime, judged.runtime == RuntimeOK
	if !s.Ready {
		s.Reason, s.Detail = judged.reason, judged.detail
	}
	return s
}

// remember notes a Pod that has done its work: it may be deleted afterwards.
func (v *view) remember(uid types.UID, pods []found) {
	for _, pod := range pods {
		if pod.UID == uid && pod.Status.Phase == corev1.PodSucceeded {
			v.doneJobs[uid] = true
		}
	}
}

// combine makes one verdict of those of the objects and pods. A pod of a workload that is as it should be has no say: which
// pods may be missing is the workload's decision.
func combine(t Target, rollouts []verdict, pods []found) verdict {
	succeeded := t.Readiness == plan.ReadinessSucceeded
	known := map[types.UID]verdict{}
	kinds := map[types.UID]string{}
	worst := fine
	take := func(v verdict) {
		if rank(v) > rank(worst) {
			worst = v
		}
	}
	for i, o := range t.Objects {
		kinds[types.UID(o.UID)] = o.Kind
		if !t.SelectorsOnly && rollouts[i].runtime != "" {
			known[types.UID(o.UID)] = rollouts[i]
		}
	}
	// Pods first: they know more of what is wrong than what made them.
	judged := 0
	for i, pod := range pods {
		rollout, of := known[pod.root]
		job := of && kinds[pod.root] == "Job"
		if !pod.current || (of && rollout.runtime == RuntimeOK && (job || !succeeded)) {
			continue
		}
		judged++
		g := toBeReady
		if succeeded || job {
			g = toEnd
		}
		v := judge(pod.Pod, g)
		if of && pod.Status.Phase == corev1.PodFailed {
			if i < len(pods)-1 {
				continue // there is a newer one
			}
			v.runtime = RuntimePending // its controller makes another one, or says that it does not
		}
		take(v)
	}
	waiting := false // for pods of a workload
	for i, o := range t.Objects {
		v, ok := known[types.UID(o.UID)]
		switch {
		case !ok || (v.runtime == RuntimeOK && (o.Kind == "Job" || o.Kind == "Pod")):
		case succeeded && o.Kind != "Job" && !rollouts[i].unobserved:
			waiting = true // whose pods are never available
		default:
			take(v)
		}
	}
	switch {
	case worst.runtime != RuntimeOK:
	case judged == 0 && len(t.ExtraSelectors) > 0 && len(known) == 0:
		return pending("no pod matches the selectors")
	case judged == 0 && waiting:
		return pending("no pod has ended yet")
	}
	return worst
}

// rank orders verdicts: the highest decides.
func rank(v verdict) int {
	switch v.runtime {
	case RuntimeError:
		return 2
	case RuntimePending:
		return 1
	}
	return 0
}
