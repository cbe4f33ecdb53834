package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// lookedFor is how long a look at the cluster counts: when an environment of 90 services begins, one look does for all.
const lookedFor = 10 * time.Second

// unrecorded is what the last look at the cluster has found.
type unrecorded struct {
	mu      sync.Mutex // held while the cluster is asked, so that many who ask at once wait for one answer
	at      time.Time
	objects map[string][]kube.Applied // by resource
}

// forget: what the resource has in the cluster is another matter now.
func (u *unrecorded) forget(resource string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.objects, resource)
}

func (u *unrecorded) forgetAll() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.at, u.objects = time.Time{}, nil
}

// WinBack looks in the cluster for what a resource without a record has there, and records it. What the objects do not say is
// missing in the record; the next apply completes it and changes nothing. Without objects there is none: it was not deployed.
func (a *Activities) WinBack(ctx context.Context, resource string) (d records.Deployment, ok bool, err error) {
	objects, err := a.find(ctx, resource)
	if err != nil || len(objects) == 0 {
		return records.Deployment{}, false, err
	}
	d = records.Deployment{Resource: resource, Images: keysOf(objects), Applied: time.Now()}
	if d.Objects, err = json.Marshal(objects); err != nil {
		return records.Deployment{}, false, fmt.Errorf("record what %s has in the cluster: %w", resource, err)
	}
	if err := a.Records.PutDeployment(ctx, d); err != nil {
		return records.Deployment{}, false, err
	}
	a.unrecorded.forget(resource)
	a.Observe(resource, objects)
	a.Log(resource, activities.SourceEngine, fmt.Sprintf("Found %d object(s) in the cluster of which there was no record", len(objects)))
	return d, true, nil
}

// find returns what the cluster has of a resource, of the kinds that are in the plan.
func (a *Activities) find(ctx context.Context, resource string) ([]kube.Applied, error) {
	p := a.Plans.Now()
	if p == nil || len(objectsOf(p)) == 0 {
		return nil, nil
	}
	u := &a.unrecorded
	u.mu.Lock()
	defer u.mu.Unlock()
	if time.Since(u.at) < lookedFor {
		return u.objects[resource], nil
	}
	cluster, err := a.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	found, err := cluster.FindOfKinds(ctx, a.Environment, objectsOf(p))
	if err != nil {
		return nil, err
	}
	u.objects = map[string][]kube.Applied{}
	for _, o := range found {
		u.objects[o.Resource] = append(u.objects[o.Resource], o)
	}
	u.at = time.Now()
	return u.objects[resource], nil
}

func objectsOf(p *plan.Plan) (all []plan.Object) {
	for i := range p.Resources {
		if k := p.Resources[i].Kubernetes; k != nil {
			all = append(all, k.Objects...)
		}
	}
	return all
}

// keysOf returns the images that objects say they run. Of one that they do not agree on, nothing is known: an apply ended
// between them.
func keysOf(objects []kube.Applied) map[string]records.ImageKey {
	keys, doubtful := map[string]records.ImageKey{}, map[string]bool{}
	for _, o := range objects {
		for ref, built := range o.Images {
			key := records.ImageKey{Ref: ref, InputDigest: built.InputDigest, ImageID: built.ImageID, ClusterRef: built.ClusterRef}
			if other, ok := keys[ref]; ok && other != key {
				doubtful[ref] = true
			}
			keys[ref] = key
		}
	}
	for ref := range doubtful {
		delete(keys, ref)
	}
	return keys
}
