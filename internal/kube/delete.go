package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/envflow/envflow/internal/failure"
)

// deleteTimeout is how long deleted objects are waited for where the request names no time; deleteMargin, how much longer
// than their pods may take to end.
const (
	deleteTimeout = 60 * time.Second
	deleteMargin  = 30 * time.Second
)

// DeleteRequest asks for objects to be gone.
type DeleteRequest struct {
	Environment      string            // ID
	Resource         string            // "": of any; else what belongs to another resource by now is left alone
	Objects          []Applied         //
	Timeout          time.Duration     // for all objects and their pods to be gone; 0: 60 s, or longer if their pods may take longer to end
	KeepData         bool              // leave claims, volumes and definitions of kinds: a resource is disabled or taken out of the plan
	DeleteNamespaces bool              // also the namespaces that this environment made
	Adopt            bool              // also what other environments own
	Log              func(line string) // one call at a time; nil: nobody listens
	Deleted          func(Applied)     // is told each object that was there and is deleted, likewise
}

// deleter carries out one DeleteRequest.
type deleter struct {
	*Cluster
	DeleteRequest
	patient bool // the request names no time

	mu   sync.Mutex // guards all below, and calls of Log
	end  time.Time
	left []doomed
}

// doomed is an object that was deleted and may not be gone yet.
type doomed struct {
	Applied
	client     dynamic.ResourceInterface
	uid        types.UID
	finalizers []string // when it was seen last
}

// Delete deletes what carries the label of the environment, in the reverse of the order that Apply has, and returns when it
// and its pods are gone. What is gone already or carries no label of ours is left alone, and, unless Adopt, what other environments own. Namespaces and what says
// tilt.dev/down-policy: keep stay; unless KeepData, they lose our label, so that the next environment may have them.
//
// Objects that are still there when time is up are an error that names them and their finalizers; their deletion goes on
// without us.
func (c *Cluster) Delete(ctx context.Context, request DeleteRequest) error {
	d := &deleter{Cluster: c, DeleteRequest: request}
	d.patient = d.Timeout == 0
	d.Timeout = cmp.Or(d.Timeout, deleteTimeout)
	d.end = time.Now().Add(d.Timeout)

	byRank := map[int][]Applied{}
	for i := range d.Objects {
		rank := rankOf(d.Objects[i].kind().GroupKind())
		byRank[rank] = append(byRank[rank], d.Objects[i])
	}
	var errs []error
	for rank := rankLast; rank >= rankNamespace; rank-- {
		errs = append(errs, d.deleteAll(ctx, byRank[rank]))
		// Controllers among the workloads may have to let go of custom resources first.
		if rank == rankCustom && len(d.left) > 0 {
			errs = append(errs, d.await(ctx, time.Until(d.end)/2))
		}
	}
	errs = append(errs, d.await(ctx, time.Until(d.end)))
	if err := worst(errs); err != nil {
		return err
	}
	return d.stillThere()
}

func (d *deleter) logf(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Log != nil {
		d.Log(fmt.Sprintf(format, args...))
	}
}

func (d *deleter) deleteAll(ctx context.Context, objects []Applied) error {
	errs := make([]error, len(objects))
	var group errgroup.Group
	group.SetLimit(parallelObjects)
	for i := range objects {
		group.Go(func() error {
			errs[i] = d.classify(d.deleteOne(ctx, objects[i]), objects[i].title())
			return nil // the others go on
		})
	}
	_ = group.Wait() // the errors are in errs
	return worst(errs)
}

func (d *deleter) deleteOne(ctx context.Context, known Applied) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	client, live, err := d.find(ctx, known)
	if err != nil || live == nil {
		return err
	}
	kind := known.kind().GroupKind()
	annotations := live.GetAnnotations()
	resource := d.Resource
	if resource == "" && d.KeepData {
		resource = known.Resource // the environment goes on, and another resource may have the object by now
	}
	switch environment := live.GetLabels()[LabelEnvironment]; {
	case environment == "":
		d.logf("%s: left alone, it is not envflow's any more", known.title())
		return nil
	case environment != d.Environment && !d.Adopt:
		d.logf("%s: left alone, it belongs to the environment %s; --adopt takes it over", known.title(), ownerOf(live))
		return nil
	case !sameResource(annotations[AnnotationResource], resource):
		return nil
	case annotations[annotationDownPolicy] == "keep":
		d.logf("%s: kept, as its annotation %s says", known.title(), annotationDownPolicy)
		return d.release(ctx, client, live)
	case d.KeepData && holdsData(kind):
		return nil
	case isNamespace(kind) && !d.DeleteNamespaces:
		return d.release(ctx, client, live)
	case isNamespace(kind) && annotations[AnnotationCreatedBy] != d.Environment:
		d.logf("%s: kept, this environment has not made it", known.title())
		return d.release(ctx, client, live)
	}
	if live.GetDeletionTimestamp() == nil {
		if err := remove(ctx, client, known.Name, live.GetUID(), propagation(kind)); err != nil {
			return err
		}
		d.logf("%s: deleted", known.title())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Deleted != nil {
		d.Deleted(known)
	}
	if grace, ok, _ := unstructured.NestedInt64(live.Object, "spec", "template", "spec", "terminationGracePeriodSeconds"); ok && d.patient {
		if end := time.Now().Add(time.Duration(grace)*time.Second + deleteMargin); end.After(d.end) {
			d.end, d.Timeout = end, time.Duration(grace)*time.Second+deleteMargin
		}
	}
	d.left = append(d.left, doomed{Applied: known, client: client, uid: live.GetUID()})
	return nil
}

// release takes the marks of the environment from what it leaves behind, but for who made a namespace.
func (d *deleter) release(ctx context.Context, client dynamic.ResourceInterface, live *unstructured.Unstructured) error {
	if d.KeepData {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         live.GetUID(), // of another object of the same name nothing is taken
		"labels":      map[string]any{LabelEnvironment: nil},
		"annotations": map[string]any{AnnotationOwner: nil, AnnotationResource: nil, AnnotationDigest: nil, AnnotationImages: nil},
	}})
	if err != nil {
		return err
	}
	_, err = client.Patch(ctx, live.GetName(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// propagation makes the API server keep a workload until its pods are gone, so that its absence tells that. The controllers of
// other kinds might make anew what is deleted below them.
func propagation(kind schema.GroupKind) metav1.DeletionPropagation {
	if isWorkload(kind) {
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}

// await waits until all that was deleted is gone, at most for limit.
func (d *deleter) await(ctx context.Context, limit time.Duration) error {
	if len(d.left) == 0 {
		return nil
	}
	_, err := poll(ctx, max(limit, 0), func(ctx context.Context) (bool, error) {
		still := make([]bool, len(d.left))
		var group errgroup.Group
		group.SetLimit(parallelObjects)
		for i := range d.left {
			group.Go(func() error {
				_, live, err := d.find(ctx, d.left[i].Applied)
				still[i] = err != nil || live != nil && live.GetUID() == d.left[i].uid
				if live != nil {
					d.left[i].finalizers = live.GetFinalizers()
				}
				return err
			})
		}
		err := group.Wait()
		var left []doomed
		for i := range d.left {
			if still[i] {
				left = append(left, d.left[i])
			}
		}
		d.left = left
		return len(left) == 0, err
	})
	return d.classify(err, "wait until deleted objects are gone")
}

func (d *deleter) stillThere() error {
	if len(d.left) == 0 {
		return nil
	}
	var names []string
	for i := range d.left {
		name := d.left[i].title()
		if finalizers := d.left[i].finalizers; len(finalizers) > 0 {
			name += " (waits for " + strings.Join(finalizers, ", ") + ")"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	list := strings.Join(names[:min(len(names), 5)], ", ")
	if more := len(names) - 5; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	err := fmt.Errorf("still being deleted after %s: %s", d.Timeout, list)
	return failure.UserError(err, "%s", err) // to ask once more would only wait again
}
