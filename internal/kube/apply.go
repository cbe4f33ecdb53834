package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/envflow/envflow/internal/failure"
)

// FieldManager is how the API server knows the fields that are ours.
const FieldManager = "envflow"

const (
	parallelObjects = 8
	objectTimeout   = 30 * time.Second // where the request names none
)

// What was done to an object.
const (
	ActionCreated    = "created"
	ActionConfigured = "configured"
	ActionUnchanged  = "unchanged"
	ActionRecreated  = "recreated" // deleted and created, because a field that changed is immutable
	ActionKept       = "kept"      // no longer wanted and not deleted: it holds data, or says that it is to be kept
)

// ApplyRequest asks for objects to be in the cluster.
type ApplyRequest struct {
	Environment string                       // ID
	Owner       string                       // user@host:path
	Resource    string                       // "": that of the annotation of the first object
	Adopt       bool                         // take over what other environments own
	Objects     []*unstructured.Unstructured // of Inject; not changed
	Known       []Applied                    // what this resource had applied before
	Timeout     time.Duration                // for each object, without waiting for deletions; 0: 30 s
	ServerSide  string                       // k8s_server_side_apply; "false": as a client-side apply, no other manager keeps its fields
	Log         func(line string)            // one call at a time; nil: nobody listens
}

// ApplyResult says what there is now.
type ApplyResult struct {
	Objects []Applied // what the resource has in the cluster, to be the next request's Known; also along with an error
	Changed int       // how many were written
	Deleted int       // how many that are no longer wanted
}

// Applied is the record of an object.
type Applied struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
	Digest     string `json:"digest"`             // of the object as it was applied, 16 hex digits
	Generation int64  `json:"generation"`         // of its spec; 0 for kinds that count none
	Resource   string `json:"resource,omitempty"` // that it belongs to
	Action     string `json:"action,omitempty"`   // ActionCreated, ...

	Images map[string]Built `json:"-"` // by their names in the Tiltfile; only of an object that was found by its label
}

// kind returns the kind with its version.
func (a Applied) kind() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(a.APIVersion, a.Kind)
}

// title names the object for people.
func (a Applied) title() string { return a.Kind + "/" + a.Name }

// identity is what two records of the same object have in common: it has another version in another API.
type identity struct {
	schema.GroupKind
	types.NamespacedName
}

func (a Applied) identity() identity {
	return identity{a.kind().GroupKind(), types.NamespacedName{Namespace: a.Namespace, Name: a.Name}}
}

// applier carries out one ApplyRequest.
type applier struct {
	*Cluster
	ApplyRequest
	mu     sync.Mutex // guards the fields below and calls of Log
	result ApplyResult
	warned map[string]bool // warnings of the API server that were logged
}

// Apply makes the cluster have the objects: kinds in an order that lets them find each other, those of one rank side by side.
// What is there already as wanted is not written. When all are there, those in Known that are no longer wanted are deleted.
//
// An object of another environment is the user's error unless Adopt, and so is one that the API rejects and a change of an
// immutable field of what holds data. Other objects with immutable changes are deleted and made anew. A cluster that does not
// answer is missing. With an error, the other objects of the same rank are still applied, later ones are not.
func (c *Cluster) Apply(ctx context.Context, request ApplyRequest) (ApplyResult, error) {
	a := &applier{Cluster: c, ApplyRequest: request, warned: map[string]bool{}}
	a.Timeout = cmp.Or(a.Timeout, objectTimeout)
	if a.Resource == "" && len(a.Objects) > 0 {
		a.Resource = a.Objects[0].GetAnnotations()[AnnotationResource]
	}
	ctx = context.WithValue(ctx, logKey{}, a.warn)
	err := a.applyAll(ctx)
	if err == nil {
		err = a.collect(ctx)
	}
	if err != nil {
		a.carryOver()
	}
	slices.SortFunc(a.result.Objects, byRank)
	return a.result, err
}

func (a *applier) log(line string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Log != nil {
		a.Log(line)
	}
}

// warn logs what the API server warns of, once: it says the same at every call.
func (a *applier) warn(line string) {
	a.mu.Lock()
	again := a.warned[line]
	a.warned[line] = true
	a.mu.Unlock()
	if !again {
		a.log(line)
	}
}

func (a *applier) logf(format string, args ...any) { a.log(fmt.Sprintf(format, args...)) }

func (a *applier) applyAll(ctx context.Context) error {
	objects := slices.Clone(a.Objects)
	rank := func(o *unstructured.Unstructured) int { return rankOf(o.GroupVersionKind().GroupKind()) }
	slices.SortStableFunc(objects, func(x, y *unstructured.Unstructured) int { return cmp.Compare(rank(x), rank(y)) })
	for len(objects) > 0 {
		n := 1
		for n < len(objects) && rank(objects[n]) == rank(objects[0]) {
			n++
		}
		if err := a.applyRank(ctx, objects[:n]); err != nil {
			return err
		}
		objects = objects[n:]
	}
	return nil
}

func (a *applier) applyRank(ctx context.Context, objects []*unstructured.Unstructured) error {
	errs := make([]error, len(objects))
	var group errgroup.Group
	group.SetLimit(parallelObjects)
	for i, obj := range objects {
		group.Go(func() error {
			applied, err := a.applyOne(ctx, obj)
			if applied.Name != "" { // it is there, even if it is not ready for others
				a.done(applied)
			}
			errs[i] = a.classify(err, title(obj))
			return nil // the others of the rank go on
		})
	}
	_ = group.Wait() // the errors are in errs
	return worst(errs)
}

// done records an object.
func (a *applier) done(applied Applied) {
	a.mu.Lock()
	a.result.Objects = append(a.result.Objects, applied)
	if applied.Action != ActionUnchanged {
		a.result.Changed++
	}
	a.mu.Unlock()
	if applied.Action != ActionUnchanged {
		a.logf("%s: %s", applied.title(), applied.Action)
	}
}

// carryOver keeps the records of what was not looked at because of an error.
func (a *applier) carryOver() {
	seen := map[identity]bool{}
	for i := range a.result.Objects {
		seen[a.result.Objects[i].identity()] = true
	}
	for i := range a.Known {
		if !seen[a.Known[i].identity()] {
			a.result.Objects = append(a.result.Objects, a.Known[i])
		}
	}
}

// collect deletes what the resource had and no longer wants.
func (a *applier) collect(ctx context.Context) error {
	wanted := map[identity]bool{}
	for i := range a.result.Objects {
		wanted[a.result.Objects[i].identity()] = true
	}
	var errs []error
	for i := len(a.Known) - 1; i >= 0; i-- {
		known := a.Known[i]
		if wanted[known.identity()] {
			continue
		}
		kept, err := a.collectOne(ctx, known)
		if err != nil {
			errs = append(errs, a.classify(err, known.title()))
		}
		if kept {
			known.Action = ActionKept
			a.result.Objects = append(a.result.Objects, known)
		}
	}
	return worst(errs)
}

// collectOne deletes one object and reports whether it stays instead, still ours.
func (a *applier) collectOne(ctx context.Context, known Applied) (kept bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	client, live, err := a.find(ctx, known)
	if err != nil || live == nil {
		return false, err
	}
	annotations := live.GetAnnotations()
	switch {
	case live.GetLabels()[LabelEnvironment] != a.Environment, !sameResource(annotations[AnnotationResource], a.Resource), live.GetDeletionTimestamp() != nil:
		return false, nil
	case annotations[annotationDownPolicy] == "keep", holdsData(known.kind().GroupKind()):
		if known.Action != ActionKept {
			a.logf("%s: kept, though no longer in the Tiltfile", known.title())
		}
		return true, nil
	}
	if err := remove(ctx, client, known.Name, live.GetUID(), metav1.DeletePropagationBackground); err != nil {
		return false, err
	}
	a.mu.Lock()
	a.result.Deleted++
	a.mu.Unlock()
	a.logf("%s: deleted, no longer in the Tiltfile", known.title())
	return false, nil
}

// sameResource reports whether an object that says it belongs to one resource may be deleted on behalf of another: only if
// they are the same, or one of them does not say. Objects move between resources when a Tiltfile changes.
func sameResource(live, asked string) bool { return live == "" || asked == "" || live == asked }

// worst joins errors so that failure.Of finds the class that decides: what the user must mend goes before what is waited for,
// and that before what is tried again.
func worst(errs []error) error {
	errs = slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	weight := map[failure.Class]int{failure.User: 0, failure.Infrastructure: 1, failure.Transient: 2}
	slices.SortStableFunc(errs, func(x, y error) int { return cmp.Compare(weight[failure.Of(x).Class], weight[failure.Of(y).Class]) })
	first := failure.Of(errs[0])
	summary := first.Summary
	if others := len(errs) - 1; first.Class != failure.Infrastructure {
		summary = fmt.Sprintf("%s; and %d more", summary, others)
	}
	return &failure.Error{Class: first.Class, Needs: first.Needs, Summary: summary, Err: errors.Join(errs...)}
}

func title(obj *unstructured.Unstructured) string { return obj.GetKind() + "/" + obj.GetName() }
