package kube

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// How often the cluster is asked while we wait: soon at first, then less and less.
const (
	pollFirst = 50 * time.Millisecond
	pollMost  = time.Second
)

// poll asks until the answer is true, an error, or time is up. Each question has a deadline of its own. It returns false
// without an error when time is up.
func poll(ctx context.Context, limit time.Duration, ask func(context.Context) (bool, error)) (bool, error) {
	end := time.NewTimer(limit)
	defer end.Stop()
	for pause := pollFirst; ; pause = min(pause*3/2, pollMost) {
		done, err := limited(ctx, ask)
		if done || err != nil {
			return done, err
		}
		next := time.NewTimer(pause)
		select {
		case <-next.C:
		case <-end.C:
			next.Stop()
			return false, nil
		case <-ctx.Done():
			next.Stop()
			return false, ctx.Err()
		}
	}
}

func limited(ctx context.Context, ask func(context.Context) (bool, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return ask(ctx)
}

// gone waits until the object with the UID is no more. Another one of the same name does not count.
func gone(ctx context.Context, client dynamic.ResourceInterface, name string, uid types.UID, limit time.Duration) (bool, error) {
	return poll(ctx, limit, func(ctx context.Context) (bool, error) {
		live, err := client.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		return live.GetUID() != uid, nil
	})
}

// remove deletes the object with the UID and, as policy says, what it owns. That it is gone already is fine.
func remove(ctx context.Context, client dynamic.ResourceInterface, name string, uid types.UID, policy metav1.DeletionPropagation) error {
	err := client.Delete(ctx, name, metav1.DeleteOptions{
		PropagationPolicy: &policy,
		Preconditions:     &metav1.Preconditions{UID: &uid},
	})
	// A conflict says that it has another UID by now.
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
