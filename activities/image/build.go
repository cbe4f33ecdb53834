package image

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/activities/liveupdate"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/ignore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// Engine builds and keeps images.
type Engine interface {
	Build(ctx context.Context, request docker.BuildRequest) (docker.BuildResult, error)
	Tag(ctx context.Context, id, ref string) error
	Push(ctx context.Context, ref string, output func(line string)) (digest string, err error)
	ImageExists(ctx context.Context, id string) (bool, error)
	ImageID(ctx context.Context, ref string) (id string, ok bool, err error)
	RemoveImage(ctx context.Context, ref string) error
	InRegistry(ctx context.Context, ref string) (bool, error)
}

// Records keep what was built.
type Records interface {
	Image(ctx context.Context, ref, inputDigest string) (records.Image, bool, error)
	ImageByClusterRef(ctx context.Context, clusterRef string) (records.Image, bool, error)
	PutImage(ctx context.Context, image records.Image) error
}

// Disk knows the files of each image's context.
type Disk interface {
	Scan(ctx context.Context, image string) (map[string]string, filetree.Stats, error)
	Filter(image string) (*ignore.Filter, error)
}

// Target is where images go.
type Target struct {
	Registry *plan.Registry // nil: images are pushed under their own names
	Platform string         // of the cluster's nodes: os/arch
	Shared   bool           // the cluster runs the engine's images as they are: nothing is pushed
}

// Activities are those of images.
type Activities struct {
	Plans   *activities.Plans
	Disk    Disk
	Records Records
	Engine  func(ctx context.Context) (Engine, error)
	Target  func(ctx context.Context, p *plan.Plan) (Target, error)
	// Enter waits until one of max_parallel_updates is free for the resource.
	Enter  func(ctx context.Context, resource string) (leave func(), err error)
	Labels map[string]string
	Lookup func(name string) (string, bool) // the environment
	Log    activities.Log

	building sync.Map // input digest -> *sync.Mutex: two resources may want the same image
}

// Build makes an image, unless it is there.
func (a *Activities) Build(ctx context.Context, in api.BuildImageIn) (api.BuildImageOut, error) {
	p, _, err := a.Plans.Resource(in.Resource, in.Spec)
	if err != nil {
		return api.BuildImageOut{}, err
	}
	image := p.Image(in.Image)
	if image == nil {
		return api.BuildImageOut{}, failure.SupersededError("the Tiltfile has changed meanwhile")
	}
	target, err := a.Target(ctx, p)
	if err != nil {
		return api.BuildImageOut{}, err
	}
	leave, err := a.Enter(ctx, in.Resource)
	if err != nil {
		return api.BuildImageOut{}, err
	}
	defer leave()
	engine, err := a.Engine(ctx)
	if err != nil {
		return api.BuildImageOut{}, err
	}
	tree, stats, err := a.Disk.Scan(ctx, image.Ref)
	if err != nil {
		return api.BuildImageOut{}, failure.UserError(err, "the build context of %s cannot be read", image.Ref)
	}
	bases := basesOf(p, image, in.Bases)
	b := &build{Activities: a, in: in, image: image, target: target, engine: engine, bases: bases, tree: tree, stats: stats}
	b.digest = digest(image, tree, bases, a.Lookup)
	b.deployed = deployable(p, image)
	return b.run(ctx)
}

// build is one run of the activity.
type build struct {
	*Activities
	in       api.BuildImageIn
	image    *plan.Image
	target   Target
	engine   Engine
	bases    []api.DeployedImage
	tree     map[string]string // path -> mark, before the build
	stats    filetree.Stats
	deployed bool // an object names it
	digest   string
}

func (b *build) run(ctx context.Context) (api.BuildImageOut, error) {
	lock, _ := b.building.LoadOrStore(b.digest, &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	record, cached, err := b.known(ctx)
	if err != nil {
		return api.BuildImageOut{}, err
	}
	if cached {
		b.Log(b.in.Resource, activities.SourceBuild, "Image "+b.image.Ref+" is built already: "+record.Tag)
	} else if record, err = b.build(ctx); err != nil {
		return api.BuildImageOut{}, err
	}
	out := api.BuildImageOut{Cached: cached, Image: api.DeployedImage{
		Ref: b.image.Ref, InputDigest: b.digest, ImageID: record.ImageID, PushRef: record.Tag, ClusterRef: record.ClusterRef,
	}}
	if b.deployed && !b.target.Shared {
		there, err := b.engine.InRegistry(ctx, record.Tag)
		out.Push = err != nil || !there // pushing says better what is wrong with a registry
	}
	return out, nil
}

// known returns the record of an image of the same input that the engine still has.
func (b *build) known(ctx context.Context) (record records.Image, ok bool, err error) {
	if b.in.Force {
		return record, false, nil
	}
	record, ok, err = b.Records.Image(ctx, b.image.Ref, b.digest)
	if err == nil && (!ok || record.WonBack && len(record.Unsure) > 0) {
		record, ok, err = b.winBack(ctx)
	}
	if err != nil || !ok || len(record.Unsure) > 0 { // it may hold what its digest does not say
		return record, false, err
	}
	if ok, err = b.engine.ImageExists(ctx, record.ImageID); err != nil || !ok {
		return record, false, err
	}
	push, cluster, err := b.names(record.ImageID)
	if err != nil {
		return record, false, err
	}
	if push != record.Tag || cluster != record.ClusterRef { // another registry than then
		if err := b.engine.Tag(ctx, record.ImageID, push); err != nil {
			return record, false, err
		}
		record.Tag, record.ClusterRef = push, cluster
		return record, true, b.Records.PutImage(ctx, record)
	}
	return record, true, nil
}

// build builds the image and records it.
func (b *build) build(ctx context.Context) (records.Image, error) {
	filter, err := b.Disk.Filter(b.image.Ref)
	if err != nil {
		return records.Image{}, err
	}
	b.Log(b.in.Resource, activities.SourceBuild, "Building image "+b.image.Ref)
	started := time.Now()
	refs := map[string]string{}
	for _, base := range b.bases {
		refs[base.Ref] = base.PushRef
	}
	result, err := b.engine.Build(ctx, docker.BuildRequest{
		Image: b.image, Filter: filter, Labels: b.Labels, Platform: b.target.Platform, Refs: refs, LookupEnv: b.Lookup,
		Output: func(line string) { b.Log(b.in.Resource, activities.SourceBuild, line) },
	})
	if err != nil {
		return records.Image{}, err
	}
	push, cluster, err := b.names(result.ImageID)
	if err != nil {
		return records.Image{}, err
	}
	old, err := b.isOld(ctx, push, cluster)
	if err != nil {
		return records.Image{}, err
	}
	if err := b.engine.Tag(ctx, result.ImageID, push); err != nil {
		return records.Image{}, err
	}
	_, after, err := b.Disk.Scan(ctx, b.image.Ref)
	if err != nil {
		return records.Image{}, failure.UserError(err, "the build context of %s cannot be read", b.image.Ref)
	}
	record := records.Image{
		Ref: b.image.Ref, InputDigest: b.digest, ImageID: result.ImageID, Tag: push, ClusterRef: cluster,
		Files: b.tree, Unsure: filetree.Touched(b.stats, after), WonBack: old, Built: time.Now(),
	}
	if err := b.keepInput(ctx, record); err != nil {
		return records.Image{}, err
	}
	b.Log(b.in.Resource, activities.SourceBuild, fmt.Sprintf("Built %s in %.1f s", push, time.Since(started).Seconds()))
	return record, b.Records.PutImage(context.WithoutCancel(ctx), record)
}

// names returns how this machine and how the cluster call an image: its content is its tag.
func (b *build) names(imageID string) (push, cluster string, err error) {
	push, cluster, err = docker.Rename(repository(b.image.Ref)+":"+docker.ContentTag(imageID), b.target.Registry)
	if err != nil {
		return "", "", failure.UserError(err, "the image has no valid name in the registry")
	}
	return push, cluster, nil
}

// deployable is true if an object names the image; one that others only stand on need not be pushed.
func deployable(p *plan.Plan, image *plan.Image) bool {
	for i := range p.Resources {
		k := p.Resources[i].Kubernetes
		if k == nil {
			continue
		}
		for _, o := range k.Objects {
			if strings.Contains(string(o.JSON), repository(image.Ref)) {
				return true
			}
		}
	}
	return false
}

func repository(ref string) string {
	if at := strings.LastIndexByte(ref, ':'); at > strings.LastIndexByte(ref, '/') {
		return ref[:at]
	}
	return ref
}

// Push sends an image to the registry of the cluster.
func (a *Activities) Push(ctx context.Context, in api.PushImageIn) error {
	engine, err := a.Engine(ctx)
	if err != nil {
		return err
	}
	started := time.Now()
	if _, err := engine.Push(ctx, in.Image.PushRef, func(line string) { a.Log(in.Resource, activities.SourceBuild, line) }); err != nil {
		return err
	}
	a.Log(in.Resource, activities.SourceBuild, fmt.Sprintf("Pushed %s in %.1f s", in.Image.PushRef, time.Since(started).Seconds()))
	return nil
}

var _ Disk = (*liveupdate.Disk)(nil)
