package liveupdate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// Container is one of a resource's, as the worker observes it.
type Container struct {
	Namespace, Pod, Name string
	ID                   string // "" before it has run
	Image                string // as the pod's spec names it
	Running              bool
	Crashed              bool // it ends again and again
	User                 string
}

// Batch is what goes into a container in one step.
type Batch struct {
	Tar     []byte   // names relative to the container's root
	Deletes []string // absolute paths
}

// Containers are observed by the worker.
type Containers interface {
	// OfResource returns the containers of the newest pods, once they are known for sure.
	OfResource(ctx context.Context, resource string) ([]Container, error)
	// Compared says that these containers hold what is on disk.
	Compared(resource string, ids []string)
}

// Streams reach into containers.
type Streams interface {
	Sync(ctx context.Context, c Container, b Batch) error
	Exec(ctx context.Context, c Container, command []string, stdin []byte, output func(line string)) (exitCode int, err error)
}

// Errors that Streams returns.
var (
	ErrGone    = errors.New("the container has gone")
	ErrNoTools = errors.New("the image has no sh or tar")
)

// Records keep what images and containers hold.
type Records interface {
	Deployment(ctx context.Context, resource string) (records.Deployment, bool, error)
	Image(ctx context.Context, ref, inputDigest string) (records.Image, bool, error)
	PutImage(ctx context.Context, image records.Image) error
	Container(ctx context.Context, id string) (records.Container, bool, error)
	PutContainer(ctx context.Context, c records.Container) error
}

// Activities are those of live updates.
type Activities struct {
	Plans      *activities.Plans
	Disk       *Disk
	Records    Records
	Containers Containers
	Streams    Streams
	Spec       func(*plan.Image) string // the part of an input digest that is not files
	// Input returns the input digest of an image with these files in its context, and these images built before it.
	Input func(p *plan.Plan, image *plan.Image, tree map[string]string, built []api.DeployedImage) string
	// WinBack looks in the cluster for a deployment of which there is no record.
	WinBack func(ctx context.Context, resource string) (records.Deployment, bool, error)
	Log     activities.Log

	wonBack sync.Map // records.ImageKey, only Ref and InputDigest -> true: of the images read so far those that were won back
}

// Sync compares what a resource's containers hold with the disk, and brings over what differs.
func (a *Activities) Sync(ctx context.Context, in api.SyncIn) (api.SyncOut, error) {
	p, r, err := a.Plans.Resource(in.Resource, in.Spec)
	if err != nil {
		return api.SyncOut{}, err
	}
	deployed, ok, err := a.Records.Deployment(ctx, r.Name)
	if err == nil && !ok {
		deployed, ok, err = a.WinBack(ctx, r.Name)
	}
	if err != nil {
		return api.SyncOut{}, err
	}
	if !ok {
		return build("it was not deployed yet")
	}
	s := &comparison{Activities: a, in: in, plan: p, resource: r, started: time.Now()}
	out := api.SyncOut{Outcome: api.SyncInSync}
	for _, ref := range r.Images {
		image := p.Image(ref)
		key, ok := deployed.Images[ref]
		if image == nil || !ok {
			return build("image " + ref + " was not deployed yet")
		}
		outcome, why, err := s.image(ctx, image, key, out.Images)
		if err != nil {
			return api.SyncOut{}, err
		}
		if outcome == api.SyncBuild {
			a.Log(r.Name, activities.SourceBuild, "Needs a build: "+why)
			return build("files of " + ref + " changed")
		}
		if rank(outcome) > rank(out.Outcome) {
			out.Outcome = outcome
		}
		out.Images = append(out.Images, api.DeployedImage{Ref: ref, InputDigest: key.InputDigest, ImageID: key.ImageID, ClusterRef: key.ClusterRef})
	}
	out.Files, out.Containers = s.files, len(s.updated)
	if s.files > 0 && !in.Check {
		a.Log(r.Name, activities.SourceBuild, fmt.Sprintf("Updated %d file(s) in %d container(s) in %d ms", s.files, len(s.updated), time.Since(s.started).Milliseconds()))
	}
	return out, nil
}

func build(why string) (api.SyncOut, error) {
	return api.SyncOut{Outcome: api.SyncBuild, Reason: why}, nil
}

// rank orders outcomes: that of a resource is the highest of its images.
func rank(outcome string) int {
	return slices.Index([]string{api.SyncInSync, api.SyncUpdated, api.SyncWaiting, api.SyncBuild}, outcome)
}

// comparison is one run of the activity.
type comparison struct {
	*Activities
	in       api.SyncIn
	plan     *plan.Plan
	resource *plan.Resource
	started  time.Time
	files    int
	updated  []string // IDs of containers
}

// image compares the containers of one image. before are those of the resource that it may stand on.
func (s *comparison) image(ctx context.Context, image *plan.Image, key records.ImageKey, before []api.DeployedImage) (outcome, why string, err error) {
	if spec, _, _ := strings.Cut(key.InputDigest, "-"); spec != s.Spec(image) {
		return api.SyncBuild, "its definition changed", nil
	}
	base, err := s.base(ctx, image.Ref, key.InputDigest)
	if err == nil && base == nil {
		base, err = s.winBack(ctx, image, key, before)
	}
	if err != nil || base == nil {
		return api.SyncBuild, "nobody knows what is in the image", err
	}
	if s.in.Full {
		s.Disk.Changed(image.Ref, nil)
	}
	diff, err := s.Disk.Difference(ctx, image.Ref, key.InputDigest, base)
	if err != nil {
		return "", "", failure.UserError(err, "the build context cannot be read")
	}
	if len(image.LiveUpdate) == 0 {
		if len(diff) > 0 {
			return api.SyncBuild, changed(diff), nil
		}
		return api.SyncInSync, "", nil
	}
	containers, err := s.containers(ctx, key.ClusterRef)
	if err != nil {
		return "", "", err
	}
	return s.compare(ctx, image, key, base, diff, containers)
}

// base returns what the image holds: path to mark; nil if that is not known.
func (s *comparison) base(ctx context.Context, ref, inputDigest string) (map[string]string, error) {
	if files := s.Disk.known(ref, inputDigest); files != nil {
		return files, nil
	}
	image, ok, err := s.Records.Image(ctx, ref, inputDigest)
	if err != nil || !ok || image.Files == nil {
		return nil, err
	}
	return s.filesOf(image), nil
}

func (s *comparison) containers(ctx context.Context, clusterRef string) ([]Container, error) {
	all, err := s.Containers.OfResource(ctx, s.resource.Name)
	return slices.DeleteFunc(all, func(c Container) bool { return c.Image != clusterRef }), err
}

// compare brings the containers of an image up to date: each may lack something else.
func (s *comparison) compare(ctx context.Context, image *plan.Image, key records.ImageKey, base, diff map[string]string, containers []Container) (outcome, why string, err error) {
	running := slices.DeleteFunc(slices.Clone(containers), func(c Container) bool { return !c.Running })
	if len(running) == 0 {
		return s.withoutContainer(image, diff, containers)
	}
	todo := make([]update, len(running))
	for i, c := range running {
		before, err := s.holds(ctx, image, key, c, base, diff)
		if errors.Is(err, ErrGone) {
			return api.SyncWaiting, "", nil // another one takes its place, and says so
		}
		if err != nil {
			return "", "", err
		}
		todo[i] = lacks(c, before, base, diff)
		if path, bad := uncovered(image, todo[i].marks); bad {
			return api.SyncBuild, changed(map[string]string{path: ""}) + ", which no step of live_update covers", nil
		}
	}
	todo = slices.DeleteFunc(todo, func(u update) bool { return len(u.marks) == 0 })
	outcome = api.SyncInSync
	if len(todo) > 0 {
		outcome = api.SyncUpdated
		if s.in.Check {
			return outcome, "", nil
		}
		if outcome, why, err = s.apply(ctx, image, todo); err != nil {
			return outcome, why, err
		}
	}
	var ids []string
	for _, c := range running {
		ids = append(ids, c.ID)
	}
	// Also one that cannot be updated: if the build comes to the image that it runs, it must not ask for another.
	if outcome != api.SyncWaiting {
		s.Containers.Compared(s.resource.Name, ids)
	}
	return outcome, why, nil
}

// withoutContainer: files can wait for a container that is about to run, but not for one that crashes.
func (s *comparison) withoutContainer(image *plan.Image, diff map[string]string, containers []Container) (outcome, why string, err error) {
	if len(diff) == 0 {
		return api.SyncInSync, "", nil
	}
	if path, bad := uncovered(image, diff); bad {
		return api.SyncBuild, changed(map[string]string{path: ""}), nil
	}
	crashed := slices.ContainsFunc(containers, func(c Container) bool { return c.Crashed })
	if len(containers) == 0 || crashed {
		return api.SyncBuild, changed(diff) + ", and no container runs", nil
	}
	return api.SyncWaiting, "", nil
}

// update is what one container lacks.
type update struct {
	container Container
	marks     map[string]string // path -> mark on disk; "" if it has to go
	overlay   map[string]string // what the container will hold otherwise than its image
	before    map[string]string // what it is recorded to hold otherwise now
}

// holds returns what a container holds otherwise than its image.
func (s *comparison) holds(ctx context.Context, image *plan.Image, key records.ImageKey, c Container, base, diff map[string]string) (map[string]string, error) {
	record, ok, err := s.Records.Container(ctx, c.ID)
	if err != nil || ok || !s.isWonBack(key) {
		return record.Files, err
	}
	if record.Files, err = s.read(ctx, image, c, base, diff); err != nil {
		return nil, err
	}
	record.ID, record.Resource, record.ImageRef, record.InputDigest = c.ID, s.resource.Name, image.Ref, key.InputDigest
	return record.Files, s.Records.PutContainer(ctx, record)
}

// lacks compares a container, its image overlaid with what was synced into it, with the disk.
func lacks(c Container, before, base, diff map[string]string) update {
	u := update{container: c, marks: map[string]string{}, overlay: diff, before: before}
	for path, now := range diff {
		if has, synced := before[path]; !synced || has != now {
			u.marks[path] = now
		}
	}
	for path, has := range before {
		if _, differs := diff[path]; !differs && has != base[path] {
			u.marks[path] = base[path] // on disk it is again as in the image
		}
	}
	return u
}

// apply updates the containers side by side.
func (s *comparison) apply(ctx context.Context, image *plan.Image, todo []update) (outcome, why string, err error) {
	outcomes := make([]string, len(todo))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, u := range todo {
		group.Go(func() error {
			err := s.one(ctx, image, u)
			switch {
			case errors.Is(err, ErrGone):
				outcomes[i] = api.SyncWaiting // another one takes its place, and says so
			case errors.Is(err, ErrNoTools):
				outcomes[i] = api.SyncBuild
			case err != nil:
				return err
			default:
				outcomes[i] = api.SyncUpdated
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", "", err
	}
	for _, o := range outcomes {
		if rank(o) > rank(outcome) {
			outcome = o
		}
	}
	for _, u := range todo {
		s.files = max(s.files, len(u.marks))
		s.updated = append(s.updated, u.container.ID)
	}
	if outcome == api.SyncBuild {
		return outcome, ErrNoTools.Error(), nil
	}
	return outcome, "", nil
}

// one updates one container. Before the first byte leaves it is recorded that nobody knows what the container holds of these
// files, and when all steps are done what it holds: what failed or was killed in between is done again, also if by then the
// disk is as it was before.
func (s *comparison) one(ctx context.Context, image *plan.Image, u update) error {
	batch, sent, err := pack(image, u.marks)
	if err != nil {
		return err
	}
	record := records.Container{ID: u.container.ID, Resource: s.resource.Name, ImageRef: image.Ref, Files: map[string]string{}, Seen: time.Now()}
	maps.Copy(record.Files, u.before)
	for path := range u.marks {
		record.Files[path] = Unsure
	}
	if err := s.Records.PutContainer(ctx, record); err != nil {
		return err
	}
	if err := s.Streams.Sync(ctx, u.container, batch); err != nil {
		return err
	}
	if err := s.runSteps(ctx, image, u); err != nil {
		return err
	}
	record.Files = maps.Clone(u.overlay)
	if record.Files == nil {
		record.Files = map[string]string{}
	}
	maps.Copy(record.Files, sent) // read a moment after the comparison; should it differ, the journal knows
	return s.Records.PutContainer(ctx, record)
}

func (s *comparison) runSteps(ctx context.Context, image *plan.Image, u update) error {
	for _, step := range image.LiveUpdate {
		if step.Kind != plan.StepRun || !triggered(step, u.marks) {
			continue
		}
		if !step.EchoOff {
			s.Log(s.resource.Name, activities.SourceBuild, "$ "+strings.Join(step.Command, " "))
		}
		code, err := s.Streams.Exec(ctx, u.container, step.Command, nil, func(line string) { s.Log(s.resource.Name, activities.SourceBuild, line) })
		switch {
		case err != nil:
			return err
		case code == killed:
			return failure.TransientError(fmt.Errorf("%s was killed in container %s", strings.Join(step.Command, " "), u.container.Name), "a run step of live_update was killed")
		case code != 0:
			return failure.UserError(fmt.Errorf("%s: exit code %d in container %s of pod %s", strings.Join(step.Command, " "), code, u.container.Name, u.container.Pod),
				"a run step of live_update failed with exit code %d", code)
		}
	}
	return nil
}

// killed is the exit code of a process that was killed, because its container ended or ran out of memory. It says nothing
// about the code that was synced.
const killed = 137

// changed names one path for people.
func changed(diff map[string]string) string {
	path := ""
	for p := range diff {
		if path == "" || p < path {
			path = p
		}
	}
	if len(diff) > 1 {
		return fmt.Sprintf("%s and %d more changed", path, len(diff)-1)
	}
	return path + " changed"
}
