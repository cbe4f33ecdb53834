package deploy

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// world is a cluster and the records of one environment.
type world struct {
	Activities

	t       *testing.T
	mu      sync.Mutex
	found   []kube.Applied // what the cluster has by its label
	err     error
	looks   int
	records map[string]records.Deployment
	image   records.Image
	applied []kube.ApplyRequest
	deleted []kube.Applied
	seen    []string // resources that the observer was told of
}

func (*world) Namespace() string { return "dev" }

func (w *world) LastPlan(context.Context) (string, []byte, bool, error) { return "", nil, false, nil }

func (w *world) FindLabelled(context.Context, string, []string) ([]kube.Applied, error) {
	return nil, nil
}

func (w *world) FindOfKinds(_ context.Context, environment string, objects []plan.Object) ([]kube.Applied, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	if environment != "env" || len(objects) != 2 {
		w.t.Errorf("looked for %v of %s", objects, environment)
	}
	return slices.Clone(w.found), w.err
}

func (w *world) Apply(_ context.Context, r kube.ApplyRequest) (kube.ApplyResult, error) {
	w.applied = append(w.applied, r)
	return kube.ApplyResult{Objects: []kube.Applied{{Kind: "Deployment", Name: r.Resource, Resource: r.Resource}}}, nil
}

func (w *world) Delete(_ context.Context, r kube.DeleteRequest) error {
	w.deleted = append(w.deleted, r.Objects...)
	return nil
}

func (w *world) Deployment(_ context.Context, resource string) (records.Deployment, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, ok := w.records[resource]
	return d, ok, nil
}

func (w *world) Deployments(context.Context) (map[string]records.Deployment, error) {
	all := map[string]records.Deployment{}
	for name, d := range w.records {
		all[name] = d
	}
	return all, nil
}

func (w *world) PutDeployment(_ context.Context, d records.Deployment) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records[d.Resource] = d
	return nil
}

func (w *world) DeleteDeployment(_ context.Context, resource string) error {
	delete(w.records, resource)
	return nil
}

func (w *world) Image(context.Context, string, string) (records.Image, bool, error) {
	return w.image, true, nil
}

// newWorld has the resources web and db deployed, and no record of them.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, records: map[string]records.Deployment{}}
	w.found = []kube.Applied{
		{Kind: "Deployment", Name: "db", UID: "1", Resource: "db"},
		{Kind: "Service", Name: "web", UID: "2", Resource: "web"},
		{Kind: "Deployment", Name: "web", UID: "3", Resource: "web", Images: map[string]kube.Built{"web": {InputDigest: "i", ImageID: "sha256:1", ClusterRef: "web:1"}}},
	}
	w.Activities = Activities{
		Environment: "env", Owner: "ann@desk:/src", Plans: &activities.Plans{}, Records: w,
		Cluster: func(context.Context) (Cluster, error) { return cluster{w}, nil },
		Enter:   func(context.Context, string) (func(), error) { return func() {}, nil },
		Observe: func(resource string, _ []kube.Applied) *api.Runtime {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen = append(w.seen, resource)
			return nil
		},
		Leave: func(string) {}, Log: func(string, string, string) {},
	}
	deployment := func(name string) *plan.Kubernetes {
		return &plan.Kubernetes{Objects: []plan.Object{{APIVersion: "apps/v1", Kind: "Deployment", Name: name, JSON: []byte(
			`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "` + name + `"}, "spec": {"template": {"spec": {"containers": [{"image": "` + name + `"}]}}}}`,
		)}}}
	}
	w.Plans.Use(&plan.Plan{
		Images: []plan.Image{{Ref: "web"}},
		Resources: []plan.Resource{
			{Name: "web", Type: plan.TypeKubernetes, Enabled: true, Images: []string{"web"}, Kubernetes: deployment("web")},
			{Name: "db", Type: plan.TypeKubernetes, Enabled: true, Kubernetes: deployment("db")},
		},
	})
	return w
}

// cluster tells the cluster's methods from the activities of the same names.
type cluster struct{ *world }

func (c cluster) Apply(ctx context.Context, r kube.ApplyRequest) (kube.ApplyResult, error) {
	return c.world.Apply(ctx, r)
}

func (c cluster) Delete(ctx context.Context, r kube.DeleteRequest) error {
	return c.world.Delete(ctx, r)
}

func (w *world) apply(resource string, images ...api.DeployedImage) {
	w.t.Helper()
	in := api.ApplyIn{Resource: resource, Spec: w.Plans.Now().SpecDigest(resource), Images: images}
	if _, err := w.Activities.Apply(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

func TestWinBack_LooksOnceForAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.err = errors.New("no answer")
	if _, _, err := w.WinBack(t.Context(), "web"); !errors.Is(err, w.err) {
		t.Fatalf("error %v, want %v: that nothing is known must not pass for nothing there", err, w.err)
	}
	w.err, w.looks = nil, 0
	var group sync.WaitGroup
	for _, resource := range []string{"web", "db", "new"} {
		group.Go(func() {
			if _, ok, err := w.WinBack(t.Context(), resource); ok != (resource != "new") || err != nil {
				t.Errorf("%s: found %v, error %v", resource, ok, err)
			}
		})
	}
	group.Wait()
	if w.looks != 1 {
		t.Errorf("looked %d times, want once", w.looks)
	}
	want := map[string]records.ImageKey{"web": {Ref: "web", InputDigest: "i", ImageID: "sha256:1", ClusterRef: "web:1"}}
	if diff := cmp.Diff(want, w.records["web"].Images); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if objects, err := Objects(w.records["web"]); len(objects) != 2 || objects[1].UID != "3" || err != nil {
		t.Errorf("objects %v, error %v", objects, err)
	}
	if slices.Sort(w.seen); !slices.Equal(w.seen, []string{"db", "web"}) {
		t.Errorf("the observer was told of %v", w.seen)
	}
}

// An apply that was cut off has left objects that do not agree: only a build and an apply make sure.
func TestWinBack_DoubtsWhatObjectsDoNotAgreeOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.found[1].Images = map[string]kube.Built{"web": {InputDigest: "other"}}
	if d, ok, err := w.WinBack(t.Context(), "web"); !ok || err != nil || len(d.Images) != 0 {
		t.Errorf("found %v with images %v, error %v", ok, d.Images, err)
	}
}

// What the Tiltfile has no longer is deleted although nobody remembers it.
func TestApply_KnowsWhatTheClusterHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply("db")
	if known := w.applied[0].Known; len(known) != 1 || known[0].UID != "1" {
		t.Errorf("known %v", known)
	}
	w.looks = 0
	w.apply("db")
	if w.looks != 0 {
		t.Error("looked for what is recorded")
	}
}

func TestApply_SaysWhatImagesWereBuiltFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := api.DeployedImage{Ref: "web", InputDigest: "i", ImageID: "sha256:1", ClusterRef: "web:1"}
	says := func() string { return w.applied[len(w.applied)-1].Objects[0].GetAnnotations()[kube.AnnotationImages] }
	w.apply("web", image)
	if got, want := says(), `{"web":{"input":"i","id":"sha256:1","ref":"web:1"}}`; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	w.image.Unsure, w.image.Tag = []string{"/src/a"}, "web:1"
	w.apply("web", image)
	if got := says(); got != "" {
		t.Errorf("says %q of files that changed during the build", got)
	}
	w.image.WonBack = true // the engine had such an image before
	w.apply("web", image)
	if got := says(); got != "" {
		t.Errorf("says %q of files that changed during the build", got)
	}
	w.image.Tag = "" // it was not built by us
	w.apply("web", image)
	if says() == "" {
		t.Error("it says no longer what it said before it was won back")
	}
}

// A resource that is switched off and on again is not what the look before has found.
func TestDelete_ForgetsWhatWasFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, err := w.Activities.Delete(t.Context(), api.DeleteIn{Resources: []string{"db"}})
	if err != nil || len(w.deleted) != 1 || w.deleted[0].UID != "1" {
		t.Fatalf("%+v, deleted %v, error %v", out, w.deleted, err)
	}
	if _, ok, err := w.WinBack(t.Context(), "db"); ok || err != nil {
		t.Errorf("found %v, error %v", ok, err)
	}
}
