package kube

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
)

// How long an object that is being deleted is waited for.
const (
	terminatingTimeout = 60 * time.Second // somebody else deletes it
	recreateTimeout    = 30 * time.Second // we delete it, to make it anew
)

// attempts is how often an object is looked at again because somebody changed it between our looking and writing.
const attempts = 6

// find returns the client for an object of a record and the object as it is in the cluster, nil if it or its kind is not there.
func (c *Cluster) find(ctx context.Context, a Applied) (dynamic.ResourceInterface, *unstructured.Unstructured, error) {
	client, _, err := c.resource(a.kind(), a.Namespace)
	if meta.IsNoMatchError(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	live, err := client.Get(ctx, a.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return client, nil, nil
	}
	return client, live, err
}

// object is one object on its way into the cluster.
type object struct {
	*applier
	client    dynamic.ResourceInterface
	want      *unstructured.Unstructured // with label and annotations
	digest    string
	recreated bool
}

// prepare returns the object as it is written.
func (a *applier) prepare(obj *unstructured.Unstructured) (*object, error) {
	want := obj.DeepCopy()
	// What only the cluster sets: an apply that has it is refused.
	for _, field := range []string{"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"} {
		unstructured.RemoveNestedField(want.Object, "metadata", field)
	}
	delete(want.Object, "status")
	if err := a.place(want); err != nil {
		return nil, err
	}
	mark(want, Injection{Environment: a.Environment, Owner: a.Owner, Resource: a.Resource})
	foldSecret(want)
	for _, spec := range podSpecs(want) {
		for _, name := range foldDuplicates(spec) {
			a.logf("%s: warning: %s is there twice, the last one counts", title(want), name)
		}
	}
	client, _, err := a.resource(want.GroupVersionKind(), want.GetNamespace())
	if err != nil {
		return nil, err
	}
	digest := digestOf(want)
	setAnnotation(want, AnnotationDigest, digest)
	return &object{applier: a, client: client, want: want, digest: digest}, nil
}

// digestOf does not count what the object says of its images: those that it runs stand in its spec. The same image may be
// built from other files, and that must not run a job again.
func digestOf(want *unstructured.Unstructured) string {
	counted := want.DeepCopy()
	unstructured.RemoveNestedField(counted.Object, "metadata", "annotations", AnnotationImages)
	return plan.Digest(counted.Object)
}

// applyOne makes the cluster have one object.
func (a *applier) applyOne(ctx context.Context, obj *unstructured.Unstructured) (Applied, error) {
	o, err := a.prepare(obj)
	if err != nil {
		return Applied{}, err
	}
	for range attempts {
		live, err := o.once(ctx)
		switch {
		case err == nil:
			return live, o.settle(ctx)
		case !errors.Is(err, errLookAgain):
			return Applied{}, err
		}
	}
	return Applied{}, failure.TransientError(fmt.Errorf("%s is changed by somebody else all the time", title(obj)), "%s: changed by somebody else all the time", title(obj))
}

// errLookAgain says that the object in the cluster is another one than it was a moment ago.
var errLookAgain = errors.New("look again")

// once looks at the object and does what it takes.
func (o *object) once(ctx context.Context) (Applied, error) {
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	live, err := o.client.Get(limited, o.want.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return o.create(limited)
	}
	if err != nil {
		return Applied{}, err
	}
	if live.GetDeletionTimestamp() != nil {
		return Applied{}, o.awaitDeletion(ctx, live, terminatingTimeout)
	}
	if err := o.mayTake(live); err != nil {
		return Applied{}, err
	}
	if o.isCurrent(limited, live) {
		return o.applied(live, ActionUnchanged), nil
	}
	if o.isOtherJob(live) {
		return Applied{}, o.recreate(ctx, live)
	}
	updated, err := o.update(limited, live)
	switch {
	case err == nil && updated.GetResourceVersion() == live.GetResourceVersion():
		return o.applied(updated, ActionUnchanged), nil
	case err == nil && o.recreated:
		return o.applied(updated, ActionRecreated), nil
	case err == nil:
		return o.applied(updated, ActionConfigured), nil
	case apierrors.IsNotFound(err), apierrors.IsConflict(err) && len(conflicts(err)) == 0:
		return Applied{}, errLookAgain
	}
	if fields := immutableFields(err); fields != nil {
		if holdsData(o.want.GroupVersionKind().GroupKind()) {
			return Applied{}, o.cannotChange(fields, err)
		}
		return Applied{}, o.recreate(ctx, live)
	}
	return Applied{}, err
}

func (o *object) applied(live *unstructured.Unstructured, action string) Applied {
	return Applied{
		APIVersion: live.GetAPIVersion(),
		Kind:       live.GetKind(),
		Namespace:  live.GetNamespace(),
		Name:       live.GetName(),
		UID:        string(live.GetUID()),
		Digest:     o.digest,
		Generation: live.GetGeneration(),
		Resource:   o.Resource,
		Action:     action,
	}
}

// mayTake refuses what another environment owns.
func (o *object) mayTake(live *unstructured.Unstructured) error {
	other := live.GetLabels()[LabelEnvironment]
	if other == "" || other == o.Environment || o.Adopt {
		return nil
	}
	where := ""
	if live.GetNamespace() != "" {
		where = " in namespace " + live.GetNamespace()
	}
	err := fmt.Errorf("%s%s belongs to the environment %s; --adopt takes it over", title(live), where, ownerOf(live))
	return failure.UserError(err, "%s", err)
}

// ownerOf names the environment of an object, and whose it is.
func ownerOf(live *unstructured.Unstructured) string {
	environment := live.GetLabels()[LabelEnvironment]
	if by := live.GetAnnotations()[AnnotationOwner]; by != "" {
		return fmt.Sprintf("%s of %s", environment, by)
	}
	return environment
}

// isCurrent reports whether the object in the cluster is as wanted: the same was applied, and nobody has changed it since. Where
// the API server may have written the same in another way, it is asked what an apply would do.
func (o *object) isCurrent(ctx context.Context, live *unstructured.Unstructured) bool {
	if live.GetAnnotations()[AnnotationDigest] != o.digest {
		return false
	}
	if includes(live.Object, o.want.Object) {
		return true
	}
	tried, err := o.client.Apply(ctx, o.want.GetName(), o.want, metav1.ApplyOptions{FieldManager: FieldManager, Force: true, DryRun: []string{metav1.DryRunAll}})
	return err == nil && tried.GetUID() == live.GetUID() && reflect.DeepEqual(content(tried), content(live))
}

// content returns what people and controllers ask for in an object.
func content(obj *unstructured.Unstructured) map[string]any {
	obj = obj.DeepCopy()
	delete(obj.Object, "status")
	for _, field := range []string{"generation", "managedFields", "resourceVersion"} {
		unstructured.RemoveNestedField(obj.Object, "metadata", field)
	}
	return obj.Object
}

// isOtherJob reports whether the object is a job whose work has changed: it must run again, even if what changed could be
// written into the old one. A job that was applied just so is not looked at closer: that the API server writes a
// value in another way must not make it run again.
func (o *object) isOtherJob(live *unstructured.Unstructured) bool {
	kind := live.GroupVersionKind()
	return kind.Group == "batch" && kind.Kind == "Job" && live.GetAnnotations()[AnnotationDigest] != o.digest &&
		!includes(live.Object["spec"], o.want.Object["spec"])
}

// create writes a new object. It is refused if there is one by now, so that two environments never both believe that it is
// theirs, which a server-side apply would let happen.
func (o *object) create(ctx context.Context) (Applied, error) {
	body := o.want
	if isNamespace(body.GroupVersionKind().GroupKind()) {
		body = body.DeepCopy()
		setAnnotation(body, AnnotationCreatedBy, o.Environment)
	}
	var (
		created *unstructured.Unstructured
		busy    error // why not yet
	)
	done, err := poll(ctx, o.Timeout, func(ctx context.Context) (bool, error) {
		var err error
		created, err = o.client.Create(ctx, body, metav1.CreateOptions{FieldManager: FieldManager, FieldValidation: metav1.FieldValidationWarn})
		if notReadyYet(err) {
			busy = err
			return false, nil
		}
		return err == nil, err
	})
	switch {
	case apierrors.IsAlreadyExists(err):
		return Applied{}, errLookAgain
	case !done && busy != nil && (err == nil || errors.Is(err, context.DeadlineExceeded)):
		return Applied{}, busy
	case err != nil:
		return Applied{}, err
	case !done:
		return Applied{}, context.DeadlineExceeded
	case o.recreated:
		return o.applied(created, ActionRecreated), nil
	}
	return o.applied(created, ActionCreated), nil
}

// notReadyYet reports whether creating failed because the cluster is still busy with what was made just before: a kind that
// is not served yet, a namespace that has no service account yet.
func notReadyYet(err error) bool {
	var api apierrors.APIStatus
	if !errors.As(err, &api) {
		return false
	}
	status := api.Status()
	switch {
	case apierrors.IsNotFound(err):
		return status.Details == nil || status.Details.Kind != "namespaces"
	case apierrors.IsForbidden(err):
		return strings.Contains(status.Message, "error looking up service account")
	}
	return false
}

// recreate deletes the object in the cluster, so that the next look finds none.
func (o *object) recreate(ctx context.Context, live *unstructured.Unstructured) error {
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	o.logf("%s: deleted to be made anew, because what changed is immutable", title(live))
	if err := remove(limited, o.client, live.GetName(), live.GetUID(), metav1.DeletePropagationBackground); err != nil {
		return err
	}
	o.recreated = true
	return o.awaitDeletion(ctx, live, recreateTimeout)
}

// awaitDeletion returns errLookAgain once the object is gone.
func (o *object) awaitDeletion(ctx context.Context, live *unstructured.Unstructured, limit time.Duration) error {
	if !o.recreated {
		o.logf("%s: is being deleted, waiting until it is gone", title(live))
	}
	done, err := gone(ctx, o.client, live.GetName(), live.GetUID(), limit)
	if err != nil {
		return err
	}
	if !done {
		err := fmt.Errorf("%s is still being deleted after %s; finalizers: %s", title(live), limit, strings.Join(live.GetFinalizers(), ", "))
		return failure.TransientError(err, "%s: still being deleted after %s", title(live), limit)
	}
	return errLookAgain
}

// cannotChange is the error for an object that is not made anew because that would lose data.
func (o *object) cannotChange(fields []string, err error) error {
	kind := strings.ToLower(o.want.GetKind())
	command := fmt.Sprintf("kubectl --context %s delete %s %s", o.target.Context, kind, o.want.GetName())
	if ns := o.want.GetNamespace(); ns != "" {
		command = fmt.Sprintf("kubectl --context %s --namespace %s delete %s %s", o.target.Context, ns, kind, o.want.GetName())
	}
	summary := fmt.Sprintf("%s: %s is immutable and the object is not deleted, because that could lose data; undo the change, or run: %s",
		title(o.want), strings.Join(fields, ", "), command)
	return failure.UserError(fmt.Errorf("%s: %w", summary, err), "%s", summary)
}

// settle waits until others can use the object: custom resources need their kind to be served.
func (o *object) settle(ctx context.Context) error {
	kind := o.want.GroupVersionKind()
	if rankOf(kind.GroupKind()) != rankDefinition {
		return nil
	}
	done, err := poll(ctx, o.Timeout, func(ctx context.Context) (bool, error) { return o.served(ctx) })
	if err == nil && !done {
		err = failure.TransientError(fmt.Errorf("%s is not served by the cluster after %s", title(o.want), o.Timeout), "%s: not served by the cluster yet", title(o.want))
	}
	return err
}
