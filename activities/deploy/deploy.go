package deploy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// Cluster is where objects go.
type Cluster interface {
	Namespace() string
	Apply(ctx context.Context, request kube.ApplyRequest) (kube.ApplyResult, error)
	Delete(ctx context.Context, request kube.DeleteRequest) error
	FindLabelled(ctx context.Context, environment string, namespaces []string) ([]kube.Applied, error)
	FindOfKinds(ctx context.Context, environment string, objects []plan.Object) ([]kube.Applied, error)
}

// Records keep what was applied.
type Records interface {
	Deployment(ctx context.Context, resource string) (records.Deployment, bool, error)
	Deployments(ctx context.Context) (map[string]records.Deployment, error)
	PutDeployment(ctx context.Context, d records.Deployment) error
	DeleteDeployment(ctx context.Context, resource string) error
	Image(ctx context.Context, ref, inputDigest string) (records.Image, bool, error)
	LastPlan(ctx context.Context) (digest string, data []byte, ok bool, err error)
}

// Activities are those of objects.
type Activities struct {
	Environment string // ID
	Owner       string // user@host:path
	Plans       *activities.Plans
	Records     Records
	Cluster     func(ctx context.Context) (Cluster, error)
	Enter       func(ctx context.Context, resource string) (leave func(), err error)
	// Observe is told what a resource has in the cluster now, and returns what runs of it.
	Observe func(resource string, objects []kube.Applied) *api.Runtime
	// Leave is told that a resource has nothing in the cluster any more.
	Leave func(resource string)
	Log   activities.Log

	unrecorded unrecorded
}

// Apply makes the objects of a resource what the plan and its images say. Nothing is written to objects that are so already.
func (a *Activities) Apply(ctx context.Context, in api.ApplyIn) (api.ApplyOut, error) {
	p, r, err := a.Plans.Resource(in.Resource, in.Spec)
	if err != nil {
		return api.ApplyOut{}, err
	}
	cluster, err := a.Cluster(ctx)
	if err != nil {
		return api.ApplyOut{}, err
	}
	leave, err := a.Enter(ctx, r.Name)
	if err != nil {
		return api.ApplyOut{}, err
	}
	defer leave()
	log := func(line string) { a.Log(r.Name, activities.SourceBuild, line) }
	images, keys, err := a.imagesOf(ctx, p, r, in.Images)
	if err != nil {
		return api.ApplyOut{}, err
	}
	objects, err := kube.Inject(r.Kubernetes.Objects, kube.Injection{
		Environment: a.Environment, Owner: a.Owner, Resource: r.Name, Namespace: cluster.Namespace(), Images: images,
	})
	if err != nil {
		return api.ApplyOut{}, err
	}
	known, before, err := a.known(ctx, r.Name)
	if err != nil {
		return api.ApplyOut{}, err
	}
	if in.Recreate {
		if err := cluster.Delete(ctx, kube.DeleteRequest{Environment: a.Environment, Resource: r.Name, Objects: known, KeepData: true, Log: log}); err != nil {
			return api.ApplyOut{}, err
		}
	}
	result, err := cluster.Apply(ctx, kube.ApplyRequest{
		Environment: a.Environment, Owner: a.Owner, Resource: r.Name, Adopt: in.Adopt, Objects: objects, Known: known,
		Timeout: time.Duration(p.Settings.UpsertTimeoutSeconds) * time.Second, ServerSide: p.Settings.ServerSideApply, Log: log,
	})
	now := records.Deployment{Resource: r.Name, Spec: in.Spec, Images: keys, Applied: time.Now()}
	if err != nil {
		// What was applied before it failed is ours all the same, and must not be forgotten.
		now.Spec, now.Images = before.Spec, before.Images
	}
	var marshalErr error
	if now.Objects, marshalErr = json.Marshal(result.Objects); marshalErr != nil {
		return api.ApplyOut{}, marshalErr
	}
	if putErr := a.Records.PutDeployment(context.WithoutCancel(ctx), now); putErr != nil && err == nil {
		err = putErr
	}
	runtime := a.Observe(r.Name, result.Objects)
	if err != nil {
		return api.ApplyOut{}, err
	}
	return api.ApplyOut{Objects: len(result.Objects), Changed: result.Changed, Deleted: result.Deleted, Runtime: runtime}, nil
}

// known returns what the resource has applied before.
func (a *Activities) known(ctx context.Context, resource string) ([]kube.Applied, records.Deployment, error) {
	d, ok, err := a.Records.Deployment(ctx, resource)
	if err == nil && !ok {
		d, ok, err = a.WinBack(ctx, resource)
	}
	if err != nil || !ok {
		return nil, d, err
	}
	objects, err := Objects(d)
	return objects, d, err
}

// Objects returns those of a record.
func Objects(d records.Deployment) (objects []kube.Applied, err error) {
	if len(d.Objects) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(d.Objects, &objects); err != nil {
		return nil, fmt.Errorf("read the record of the objects of %s: %w", d.Resource, err)
	}
	return objects, nil
}

func (a *Activities) imagesOf(ctx context.Context, p *plan.Plan, r *plan.Resource, deployed []api.DeployedImage) ([]kube.InjectedImage, map[string]records.ImageKey, error) {
	images, keys := make([]kube.InjectedImage, 0, len(deployed)), map[string]records.ImageKey{}
	for _, d := range deployed {
		image := p.Image(d.Ref)
		if image == nil {
			return nil, nil, failure.SupersededError("the Tiltfile has changed meanwhile")
		}
		built, err := a.builtOf(ctx, d)
		if err != nil {
			return nil, nil, err
		}
		images = append(images, kube.InjectedImage{Image: image, Ref: d.ClusterRef, Optional: true, Built: built})
		keys[d.Ref] = records.ImageKey{Ref: d.Ref, InputDigest: d.InputDigest, ImageID: d.ImageID, ClusterRef: d.ClusterRef}
	}
	if len(deployed) < len(r.Images) {
		return nil, nil, failure.TransientError(nil, "an image is missing")
	}
	return images, keys, nil
}

// builtOf returns what objects say of an image: nothing if its files changed while it was built, for then its digest does not
// stand for what is in it.
func (a *Activities) builtOf(ctx context.Context, d api.DeployedImage) (kube.Built, error) {
	record, _, err := a.Records.Image(ctx, d.Ref, d.InputDigest)
	if err != nil || len(record.Unsure) > 0 && record.Tag != "" { // without a tag it was won back from what an object has said
		return kube.Built{}, err
	}
	return kube.Built{InputDigest: d.InputDigest, ImageID: d.ImageID, ClusterRef: d.ClusterRef}, nil
}

// Delete deletes what resources have in the cluster: all there is of the environment if none is named.
func (a *Activities) Delete(ctx context.Context, in api.DeleteIn) (api.DeleteOut, error) {
	deployments, err := a.Records.Deployments(ctx)
	if err != nil {
		return api.DeleteOut{}, err
	}
	all := len(in.Resources) == 0
	for _, name := range in.Resources {
		if _, ok := deployments[name]; ok {
			continue
		}
		d, ok, err := a.WinBack(ctx, name)
		if err != nil {
			return api.DeleteOut{}, err
		}
		if ok {
			deployments[name] = d
		}
	}
	wanted := map[string]bool{}
	for _, name := range in.Resources {
		wanted[name] = true
	}
	var objects []kube.Applied
	var gone []string
	for _, d := range deployments {
		if !all && !wanted[d.Resource] {
			continue
		}
		of, err := Objects(d)
		if err != nil {
			return api.DeleteOut{}, err
		}
		objects, gone = append(objects, of...), append(gone, d.Resource)
	}
	if all {
		more, err := a.others(ctx, objects)
		if err != nil {
			return api.DeleteOut{}, err
		}
		objects = append(objects, more...)
	}
	deleted := 0
	if len(objects) > 0 || in.Adopt {
		cluster, err := a.Cluster(ctx)
		if err != nil {
			return api.DeleteOut{}, err
		}
		if in.Adopt {
			objects = a.planned(objects, cluster.Namespace())
		}
		request := kube.DeleteRequest{
			Environment: a.Environment, Objects: objects, KeepData: !all, DeleteNamespaces: in.DeleteNamespaces, Adopt: in.Adopt,
			Log:     func(line string) { a.Log("", activities.SourceEngine, line) },
			Deleted: func(kube.Applied) { deleted++ },
		}
		if err := cluster.Delete(ctx, request); err != nil {
			return api.DeleteOut{}, err
		}
	}
	if all {
		a.unrecorded.forgetAll()
	}
	for _, resource := range gone {
		if err := a.Records.DeleteDeployment(ctx, resource); err != nil {
			return api.DeleteOut{}, err
		}
		a.unrecorded.forget(resource)
		a.Leave(resource)
	}
	return api.DeleteOut{Objects: deleted}, nil
}

// others finds objects of the environment of which no record tells, because the records were lost or never written.
func (a *Activities) others(ctx context.Context, recorded []kube.Applied) (more []kube.Applied, err error) {
	p, err := a.lastPlan(ctx)
	if err != nil {
		return nil, err
	}
	if len(recorded) == 0 && p != nil && !hasObjects(p) {
		return nil, nil
	}
	cluster, err := a.Cluster(ctx)
	if p == nil && len(recorded) == 0 && errors.Is(err, kube.ErrNotConfigured) {
		return nil, nil // there never was a plan, and there is no cluster that could hold something
	}
	if err != nil {
		return nil, err
	}
	if p == nil && len(recorded) == 0 { // nobody knows where to look
		return cluster.FindLabelled(ctx, a.Environment, nil)
	}
	namespaces, known := map[string]bool{cluster.Namespace(): true}, map[string]bool{}
	for _, o := range recorded {
		known[o.UID] = true
		if o.Namespace != "" {
			namespaces[o.Namespace] = true
		}
	}
	if p != nil {
		for _, o := range objectsOf(p) {
			if o.Namespace != "" {
				namespaces[o.Namespace] = true
			}
		}
	}
	list := make([]string, 0, len(namespaces))
	for n := range namespaces {
		list = append(list, n)
	}
	found, err := cluster.FindLabelled(ctx, a.Environment, list)
	if err != nil {
		return nil, err
	}
	for _, o := range found {
		if !known[o.UID] {
			more = append(more, o)
		}
	}
	return more, nil
}

// lastPlan is the plan in force, else the last that was; nil if there was none.
func (a *Activities) lastPlan(ctx context.Context) (*plan.Plan, error) {
	if p := a.Plans.Now(); p != nil {
		return p, nil
	}
	_, data, ok, err := a.Records.LastPlan(ctx)
	if err != nil || !ok {
		return nil, err
	}
	var p plan.Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("read the last plan: %w", err)
	}
	return &p, nil
}

// planned adds to objects those of the plan, whoever has applied them.
func (a *Activities) planned(objects []kube.Applied, namespace string) []kube.Applied {
	p := a.Plans.Now()
	if p == nil {
		return objects
	}
	type name struct{ kind, namespace, name string }
	known := map[name]bool{}
	for i := range objects {
		known[name{objects[i].Kind, objects[i].Namespace, objects[i].Name}] = true
	}
	for _, r := range p.Resources {
		if r.Kubernetes == nil {
			continue
		}
		for _, o := range r.Kubernetes.Objects {
			in := cmp.Or(o.Namespace, namespace)
			if !known[name{o.Kind, in, o.Name}] && !known[name{o.Kind, "", o.Name}] { // a kind may have no namespace
				objects = append(objects, kube.Applied{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: in, Name: o.Name, Resource: r.Name})
			}
		}
	}
	return objects
}

// hasObjects reports whether the plan puts something into the cluster.
func hasObjects(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Resources, func(r plan.Resource) bool {
		return r.Enabled && r.Kubernetes != nil && len(r.Kubernetes.Objects) > 0
	})
}
