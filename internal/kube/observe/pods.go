package observe

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// badReasons are the reasons of a waiting container that do not pass by themselves.
var badReasons = []string{
	"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "RunContainerError", "StartError", "Error",
	"CreateContainerConfigError", "CreateContainerError", "InvalidImageName",
}

// goal is what a pod has to come to.
type goal int

const (
	toBeReady goal = iota
	toEnd          // with exit code 0
)

// judge judges a pod.
func judge(pod *corev1.Pod, g goal) verdict {
	switch {
	case pod.Status.Phase == corev1.PodSucceeded:
		return fine
	case pod.Status.Phase == corev1.PodFailed:
		return failed(pod)
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return pending("pod %s cannot be scheduled: %s", pod.Name, c.Message)
		}
	}
	worst := fine
	if g == toEnd {
		worst = pending("pod %s has not ended", pod.Name)
	} else if !ready(pod) {
		worst = pending("pod %s is not ready", pod.Name)
	}
	judged := false
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			switch v := judgeContainer(pod, &list[i]); {
			case v.runtime == RuntimeError:
				return v
			case v.runtime == RuntimePending && worst.runtime == RuntimePending && !judged && g == toBeReady:
				worst, judged = v, true // the first that holds up the others
			}
		}
	}
	return worst
}

// failed says why a pod has the phase Failed.
func failed(pod *corev1.Pod) verdict {
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if v := judgeContainer(pod, &list[i]); v.runtime == RuntimeError {
				return v
			}
		}
	}
	v := broken("pod %s failed", pod.Name)
	if pod.Status.Reason != "" {
		v = broken("pod %s failed (%s)", pod.Name, pod.Status.Reason)
	}
	v.detail = pod.Status.Message
	return v
}

// judgeContainer judges a container by its state. Its reasons name the container and hold nothing that a program printed.
func judgeContainer(pod *corev1.Pod, s *corev1.ContainerStatus) verdict {
	switch state := s.State; {
	case state.Waiting != nil && slices.Contains(badReasons, state.Waiting.Reason):
		return waits(s, state.Waiting)
	case state.Waiting != nil && state.Waiting.Reason != "":
		return pending("container %s waits (%s)", s.Name, state.Waiting.Reason)
	case state.Waiting != nil:
		return pending("container %s waits", s.Name)
	case state.Terminated != nil && state.Terminated.ExitCode != 0:
		return ended(s, state.Terminated)
	case state.Terminated != nil:
		return verdict{}
	case state.Running != nil && !s.Ready:
		return notReady(pod, s)
	}
	return verdict{}
}

func waits(s *corev1.ContainerStatus, w *corev1.ContainerStateWaiting) verdict {
	switch w.Reason {
	case "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName":
		v := broken("container %s: image %s cannot be pulled (%s)", s.Name, s.Image, w.Reason)
		v.detail = w.Message
		return v
	case "CrashLoopBackOff":
		if last := s.LastTerminationState.Terminated; last != nil {
			v := ended(s, last)
			v.reason += ", and ends each time it is started again (CrashLoopBackOff)"
			return v
		}
	}
	v := broken("container %s does not start (%s)", s.Name, w.Reason)
	v.detail = w.Message
	return v
}

func ended(s *corev1.ContainerStatus, t *corev1.ContainerStateTerminated) verdict {
	v := broken("container %s ended with exit code %d", s.Name, t.ExitCode)
	switch {
	case t.Reason == "OOMKilled":
		v = broken("container %s ran out of memory and was killed (OOMKilled)", s.Name)
	case t.Reason != "" && t.Reason != "Error" && t.Reason != "Completed":
		v = broken("container %s ended with exit code %d (%s)", s.Name, t.ExitCode, t.Reason)
	}
	v.detail = t.Message
	return v
}

func notReady(pod *corev1.Pod, s *corev1.ContainerStatus) verdict {
	if slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == s.Name && c.RestartPolicy == nil }) {
		return pending("init container %s has not ended", s.Name)
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range list {
			if c.Name != s.Name {
				continue
			}
			if c.StartupProbe != nil && (s.Started == nil || !*s.Started) {
				return pending("container %s runs, but its startup probe has not succeeded", s.Name)
			}
			if c.ReadinessProbe != nil {
				return pending("container %s runs, but its readiness probe does not succeed", s.Name)
			}
		}
	}
	return pending("container %s runs, but is not ready", s.Name)
}

func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// describe returns a pod as a Status shows it.
func describe(f found) Pod {
	p := Pod{
		Namespace: f.Namespace, Name: f.Name, UID: string(f.UID), Phase: string(f.Status.Phase), Created: f.CreationTimestamp.Time,
		Deleting: f.DeletionTimestamp != nil, Ready: ready(f.Pod), Current: f.current,
	}
	add := func(specs []corev1.Container, statuses []corev1.ContainerStatus, init bool) {
		for _, spec := range specs {
			c := Container{Name: spec.Name, Image: spec.Image, State: StateWaiting, Init: init}
			for _, port := range spec.Ports {
				c.Ports = append(c.Ports, port.ContainerPort)
			}
			for i := range statuses {
				if statuses[i].Name == spec.Name {
					c.fill(&statuses[i])
				}
			}
			p.Containers = append(p.Containers, c)
		}
	}
	add(f.Spec.InitContainers, f.Status.InitContainerStatuses, true)
	add(f.Spec.Containers, f.Status.ContainerStatuses, false)
	return p
}

func (c *Container) fill(s *corev1.ContainerStatus) {
	_, c.ID, _ = strings.Cut(s.ContainerID, "://")
	c.ImageID, c.Ready, c.Restarts = s.ImageID, s.Ready, int(s.RestartCount)
	switch {
	case s.State.Running != nil:
		c.State, c.Started = StateRunning, s.State.Running.StartedAt.Time
	case s.State.Terminated != nil:
		c.State, c.Reason, c.Started = StateTerminated, s.State.Terminated.Reason, s.State.Terminated.StartedAt.Time
	case s.State.Waiting != nil:
		c.Reason = s.State.Waiting.Reason
	}
}
