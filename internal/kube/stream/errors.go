package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilexec "k8s.io/client-go/util/exec"

	"github.com/envflow/envflow/internal/failure"
)

// What a container cannot do, for errors.Is.
var (
	ErrNoTools = errors.New("the image lacks the tools for a live update") // sh, tar, head, mv, rm or cat
	ErrGone    = errors.New("the container is gone")                       // ended, restarted under another ID, or deleted with its pod
)

// Statuses that a shell or runtime gives to what it could not run, and to what was killed.
const (
	statusNotExecutable = 126
	statusNotFound      = 127
	statusKilled        = 137
)

// errNoShell is that one of the shells is not in the image.
var errNoShell = errors.New("no such shell")

// noTools returns an ErrNoTools that names them.
func noTools(c Container, tools ...string) error {
	err := fmt.Errorf("%w: container %s of pod %s has no %s", ErrNoTools, c.Container, c.Pod, strings.Join(tools, ", "))
	return failure.UserError(err, "the image of container %s has no %s, which a live update needs", c.Container, strings.Join(tools, ", "))
}

func gone(c Container, why error) error {
	err := fmt.Errorf("%w: container %s of pod %s/%s", ErrGone, c.Container, c.Namespace, c.Pod)
	if why != nil {
		err = fmt.Errorf("%w: %w", err, why)
	}
	return failure.TransientError(err, "container %s is gone", c.Container)
}

// exitStatus returns the status of a command that ended with another than 0.
func exitStatus(err error) (int, bool) {
	if exit, ok := errors.AsType[utilexec.CodeExitError](err); ok {
		return exit.Code, true
	}
	return 0, false
}

// startFailed reports whether err says that the runtime did not find the program.
func startFailed(err error) bool {
	if status, ok := exitStatus(err); ok && (status == statusNotExecutable || status == statusNotFound) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "executable file not found") || strings.Contains(text, "no such file or directory") ||
		strings.Contains(text, "not a directory: unknown")
}

// classify says what to do about an error of the connection to c. It asks the API server whether the container is still there.
func (p *Pool) classify(ctx context.Context, c Container, err error) error {
	if _, done := errors.AsType[*failure.Error](err); done || ctx.Err() != nil {
		return err
	}
	if apierrors.IsNotFound(err) || saysGone(err.Error()) {
		return gone(c, err)
	}
	ask, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	pod, getErr := p.cs.CoreV1().Pods(c.Namespace).Get(ask, c.Pod, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(getErr):
		return gone(c, err)
	case getErr == nil && !runs(pod, c):
		return gone(c, err)
	case apierrors.IsForbidden(err), apierrors.IsForbidden(getErr):
		return failure.UserError(err, "no permission to run commands in pods of namespace %s", c.Namespace)
	case getErr != nil && !apierrors.IsInternalError(getErr):
		return failure.Missing(errors.Join(err, getErr), failure.Cluster, "the cluster does not answer")
	}
	return failure.TransientError(err, "the connection to container %s failed", c.Container)
}

// saysGone reports whether text is how the API server, a kubelet or a runtime says that pod, container, task or sandbox are
// not there or do not run. The status of the pod tells so only later. A program that is not found has been dealt with before.
func saysGone(text string) bool {
	return slices.ContainsFunc([]string{
		"not found", "no running task", "container not running", "container is not created or running", "is not running", "container_exited", "stopped",
	}, func(phrase string) bool { return strings.Contains(strings.ToLower(text), phrase) })
}

// runs reports whether c is a running container of pod.
func runs(pod *corev1.Pod, c Container) bool {
	all := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses)
	for _, status := range all {
		if status.Name != c.Container {
			continue
		}
		_, id, _ := strings.Cut(status.ContainerID, "://")
		return status.State.Running != nil && (c.ID == "" || id == c.ID)
	}
	return false
}

// refused makes an error of a batch that the container answered with a status other than 0.
func refused(c Container, status int, output string) error {
	err := fmt.Errorf("sync files into container %s of pod %s: status %d: %s", c.Container, c.Pod, status, output)
	lower := strings.ToLower(output)
	contains := func(texts ...string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(lower, text) })
	}
	switch {
	case status == statusNotFound:
		return noTools(c, "tar")
	case status == statusKilled:
		return err // the container ended, or was out of memory: classify finds out
	case contains("no space left", "disk quota exceeded"):
		return failure.UserError(err, "container %s has no space left for the synced files", c.Container)
	case contains("permission denied", "operation not permitted", "read-only file system"):
		return failure.UserError(err, "the user of container %s may not write the synced files", c.Container)
	}
	return failure.UserError(err, "tar in container %s failed with status %d", c.Container, status)
}
