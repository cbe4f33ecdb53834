package kube

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/envflow/envflow/internal/plan"
)

// listed is one list to ask for: the objects of a kind in a namespace, or in all.
type listed struct {
	resource  schema.GroupVersionResource
	namespace string
}

// FindLabelled returns what carries the label of the environment, of all kinds that the cluster knows, in the order that Apply
// has: the records of an environment, won back by looking. namespaces are where to look for namespaced kinds; none means
// everywhere, which needs the right to. What belongs to another object is left out, and so is what we may not list.
func (c *Cluster) FindLabelled(ctx context.Context, environment string, namespaces []string) ([]Applied, error) {
	kinds, err := discovery.ServerPreferredResources(c.clients.discovery)
	if len(kinds) == 0 && err != nil { // some kinds may be missing, as those of an API service that is down
		return nil, c.classify(err, "ask the cluster for its kinds")
	}
	return c.listAll(ctx, environment, lists(kinds, namespaces))
}

// FindOfKinds returns what carries the label of the environment, of the kinds of these objects and in their namespaces, in the
// order that Apply has. It asks for much less than FindLabelled.
func (c *Cluster) FindOfKinds(ctx context.Context, environment string, objects []plan.Object) ([]Applied, error) {
	var asks []listed
	for i := range objects {
		kind := schema.FromAPIVersionAndKind(objects[i].APIVersion, objects[i].Kind)
		_, mapping, err := c.resource(kind, "")
		if meta.IsNoMatchError(err) {
			continue // of a definition that is not there, so neither is the object
		}
		if err != nil {
			return nil, c.classify(err, "ask the cluster for its kinds")
		}
		ask := listed{resource: mapping.Resource}
		if mapping.Scope.Name() != meta.RESTScopeNameRoot {
			ask.namespace = cmp.Or(objects[i].Namespace, c.target.Namespace)
		}
		if !slices.Contains(asks, ask) {
			asks = append(asks, ask)
		}
	}
	return c.listAll(ctx, environment, asks)
}

func (c *Cluster) listAll(ctx context.Context, environment string, asks []listed) ([]Applied, error) {
	var (
		mu    sync.Mutex // guards found
		found []Applied
	)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelObjects)
	for _, ask := range asks {
		group.Go(func() error {
			objects, err := c.list(ctx, ask, environment)
			if err != nil {
				return c.classify(err, "list "+ask.resource.Resource)
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, objects...)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(found, byRank)
	return found, nil
}

// lists returns what to ask for. Endpoints and events are left out: they get the labels of what they are about.
func lists(kinds []*metav1.APIResourceList, namespaces []string) []listed {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var all []listed
	for _, group := range kinds {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		if err != nil {
			continue
		}
		for i := range group.APIResources {
			r := &group.APIResources[i]
			if !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "delete") || r.Kind == "Event" || r.Kind == "Endpoints" {
				continue
			}
			resource := version.WithResource(r.Name)
			if !r.Namespaced {
				all = append(all, listed{resource: resource})
				continue
			}
			for _, namespace := range namespaces {
				all = append(all, listed{resource: resource, namespace: namespace})
			}
		}
	}
	return all
}

func (c *Cluster) list(ctx context.Context, ask listed, environment string) ([]Applied, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, err := c.clients.dynamic.Resource(ask.resource).Namespace(ask.namespace).List(ctx, metav1.ListOptions{
		LabelSelector: LabelEnvironment + "=" + environment,
	})
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []Applied
	for i := range list.Items {
		if len(list.Items[i].GetOwnerReferences()) == 0 {
			found = append(found, recordOf(&list.Items[i]))
		}
	}
	return found, nil
}

// recordOf wins the record of an object back from its annotations.
func recordOf(live *unstructured.Unstructured) Applied {
	annotations := live.GetAnnotations()
	return Applied{
		APIVersion: live.GetAPIVersion(),
		Kind:       live.GetKind(),
		Namespace:  live.GetNamespace(),
		Name:       live.GetName(),
		UID:        string(live.GetUID()),
		Digest:     annotations[AnnotationDigest],
		Generation: live.GetGeneration(),
		Resource:   annotations[AnnotationResource],
		Images:     builtOf(annotations[AnnotationImages]),
	}
}

// byRank orders records as Apply does.
func byRank(x, y Applied) int {
	return cmp.Or(cmp.Compare(rankOf(x.kind().GroupKind()), rankOf(y.kind().GroupKind())),
		cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
}
