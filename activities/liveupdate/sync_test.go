package liveupdate

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// world is a cluster with containers of the image web, each with a file system of its own: path -> content.
type world struct {
	*project
	Activities

	mu         sync.Mutex
	containers []Container
	files      map[string]map[string]string // container ID -> what was synced into it; "-" if it was deleted
	ran        []string
	exitCode   int
	syncErr    error
	batches    int
	compared   []string

	records map[string]records.Container
	image   records.Image
	has     bool // it was deployed

	inCluster bool              // so the cluster says, too
	roots     map[string]string // container ID -> folder of this machine that is its file system, for those that are read
	reads     int
}

func (w *world) OfResource(context.Context, string) ([]Container, error) {
	return slices.Clone(w.containers), nil
}
func (w *world) Compared(_ string, ids []string) { w.compared = ids }

func (w *world) Sync(_ context.Context, c Container, b Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches++
	if w.syncErr != nil {
		return w.syncErr
	}
	if w.files[c.ID] == nil {
		w.files[c.ID] = map[string]string{}
	}
	for r := tar.NewReader(bytes.NewReader(b.Tar)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		w.files[c.ID]["/"+header.Name] = string(content)
	}
	for _, path := range b.Deletes {
		w.files[c.ID][path] = "-"
	}
	return nil
}

func (w *world) Exec(ctx context.Context, c Container, command []string, stdin []byte, output func(string)) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if command[len(command)-1] == readScript {
		return w.readFrom(ctx, c, command, stdin, output)
	}
	w.ran = append(w.ran, c.ID+" "+command[len(command)-1])
	return w.exitCode, nil
}

func (w *world) Deployment(context.Context, string) (records.Deployment, bool, error) {
	return w.deployment(), w.has, nil
}

func (w *world) deployment() records.Deployment {
	return records.Deployment{Resource: "web", Images: map[string]records.ImageKey{
		"web": {Ref: "web", InputDigest: w.image.InputDigest, ClusterRef: "registry/web:1"},
	}}
}

func (w *world) Image(_ context.Context, _, digest string) (records.Image, bool, error) {
	image := w.image
	image.Files = maps.Clone(image.Files)
	return image, digest == image.InputDigest && image.Files != nil, nil
}

func (w *world) PutImage(_ context.Context, image records.Image) error {
	w.image = image
	w.image.Files = maps.Clone(image.Files)
	return nil
}

func (w *world) Container(_ context.Context, id string) (records.Container, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.records[id]
	return r, ok, nil
}

func (w *world) PutContainer(_ context.Context, c records.Container) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records[c.ID] = c
	return nil
}

// newWorld has the image web deployed with the files a and dir/b, and a container "one" that runs.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{project: newProject(t, "a", "dir/b", "package.json"), files: map[string]map[string]string{}, records: map[string]records.Container{}, has: true}
	w.containers = []Container{{Name: "c", Pod: "p", ID: "one", Image: "registry/web:1", Running: true}}
	p := &plan.Plan{
		Resources: []plan.Resource{{Name: "web", Type: plan.TypeKubernetes, Enabled: true, Images: []string{"web"}}},
		Images: []plan.Image{{Ref: "web", Context: w.dir, LiveUpdate: []plan.Step{
			{Kind: plan.StepFallBackOn, Paths: []string{w.path("package.json")}},
			{Kind: plan.StepSync, Local: w.path("a"), Remote: "/srv/"},
			{Kind: plan.StepSync, Local: w.path("dir"), Remote: "/srv/dir"},
			{Kind: plan.StepRun, Command: []string{"sh", "-c", "always"}},
			{Kind: plan.StepRun, Command: []string{"sh", "-c", "for dir"}, Triggers: []string{w.path("dir")}},
		}}},
	}
	if err := w.disk.Use(p); err != nil {
		t.Fatal(err)
	}
	w.image = records.Image{Ref: "web", InputDigest: "spec-files", Files: w.scan()}
	w.Activities = Activities{
		Plans: &activities.Plans{}, Disk: w.disk, Records: w, Containers: w, Streams: w,
		Spec: func(*plan.Image) string { return "spec" }, Log: func(string, string, string) {},
		Input: func(_ *plan.Plan, image *plan.Image, tree map[string]string, _ []api.DeployedImage) string {
			return input(image, tree)
		},
		WinBack: func(context.Context, string) (records.Deployment, bool, error) {
			return w.deployment(), w.inCluster, nil
		},
	}
	w.Plans.Use(p)
	return w
}

func (w *world) run(in api.SyncIn) (api.SyncOut, error) {
	w.t.Helper()
	in.Resource, in.Spec = "web", w.Plans.Now().SpecDigest("web")
	return w.Activities.Sync(w.t.Context(), in)
}

// want runs a comparison that must come to outcome.
func (w *world) want(outcome string, in api.SyncIn) {
	w.t.Helper()
	out, err := w.run(in)
	if err != nil || out.Outcome != outcome {
		w.t.Fatalf("outcome %q (%s), error %v; want %q", out.Outcome, out.Reason, err, outcome)
	}
}

func (w *world) edit(name, content string) {
	w.t.Helper()
	w.write(name, content)
	w.changed(name)
}

func TestSync_BringsEditsIntoContainersOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(api.SyncInSync, api.SyncIn{Full: true})
	w.edit("a", "A")
	w.edit("dir/new", "N")
	w.remove("dir/b")
	w.changed("dir/b")
	w.want(api.SyncUpdated, api.SyncIn{})
	want := map[string]string{"/srv/a": "A", "/srv/dir/new": "N", "/srv/dir/b": "-"}
	if diff := cmp.Diff(want, w.files["one"]); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if want := []string{"one always", "one for dir"}; !slices.Equal(w.ran, want) {
		t.Errorf("ran %v, want %v", w.ran, want)
	}
	w.want(api.SyncInSync, api.SyncIn{Full: true})
	w.edit("a", "A") // saved again
	w.want(api.SyncInSync, api.SyncIn{})
	if w.batches != 1 {
		t.Errorf("%d batches, want 1", w.batches)
	}
	w.ran = nil
	w.edit("a", "B")
	w.want(api.SyncUpdated, api.SyncIn{})
	if want := []string{"one always"}; !slices.Equal(w.ran, want) {
		t.Errorf("ran %v, want %v", w.ran, want)
	}
}

// The fault to beat: edited, stopped, restored, started again. The container must not go on serving the edit.
func TestSync_TakesBackWhatWasRestoredWhileNobodyWatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit("a", "A")
	w.edit("dir/new", "N")
	w.want(api.SyncUpdated, api.SyncIn{})
	w.write("a", "a")
	w.remove("dir/new")
	w.want(api.SyncUpdated, api.SyncIn{Full: true})
	want := map[string]string{"/srv/a": "a", "/srv/dir/new": "-"}
	if diff := cmp.Diff(want, w.files["one"]); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	w.want(api.SyncInSync, api.SyncIn{Full: true})
}

// A container that was started again holds its image only; one beside it holds more.
func TestSync_GivesEachContainerWhatItLacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit("a", "A")
	w.want(api.SyncUpdated, api.SyncIn{})
	w.containers = append(w.containers, Container{Name: "c", Pod: "q", ID: "two", Image: "registry/web:1", Running: true},
		Container{Name: "c", Pod: "r", ID: "other", Image: "registry/other:1", Running: true},
		Container{Name: "c", Pod: "s", Image: "registry/web:1"})
	w.edit("dir/b", "B")
	w.want(api.SyncUpdated, api.SyncIn{})
	want := map[string]map[string]string{"one": {"/srv/a": "A", "/srv/dir/b": "B"}, "two": {"/srv/a": "A", "/srv/dir/b": "B"}}
	if diff := cmp.Diff(want, w.files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got := slices.Sorted(slices.Values(w.compared)); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("compared %v", got)
	}
}

func TestSync_DecidesWhatHasToBeBuilt(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		do   func(w *world)
		want string
	}{
		"never deployed":                   {func(w *world) { w.has = false }, api.SyncBuild},
		"another definition":               {func(w *world) { w.Spec = func(*plan.Image) string { return "other" } }, api.SyncBuild},
		"the record is lost":               {func(w *world) { w.image.Files = nil }, api.SyncBuild},
		"no step covers it":                {func(w *world) { w.edit("main.go", "x") }, api.SyncBuild},
		"it falls back":                    {func(w *world) { w.edit("package.json", "x") }, api.SyncBuild},
		"nothing runs and never will":      {func(w *world) { w.containers = nil; w.edit("a", "x") }, api.SyncBuild},
		"it crashes":                       {func(w *world) { w.containers[0].Running, w.containers[0].Crashed = false, true; w.edit("a", "x") }, api.SyncBuild},
		"it is about to run":               {func(w *world) { w.containers[0].Running = false; w.edit("a", "x") }, api.SyncWaiting},
		"nothing runs, nothing changed":    {func(w *world) { w.containers = nil }, api.SyncInSync},
		"the image has no tar":             {func(w *world) { w.syncErr = ErrNoTools; w.edit("a", "x") }, api.SyncBuild},
		"the container ends meanwhile":     {func(w *world) { w.syncErr = ErrGone; w.edit("a", "x") }, api.SyncWaiting},
		"it changed while it was built":    {func(w *world) { w.image.Unsure = []string{w.path("a")} }, api.SyncUpdated},
		"back to what the build had":       {func(w *world) { w.edit("a", "x"); w.edit("a", "a") }, api.SyncInSync},
		"no live update, nothing changed":  {func(w *world) { noLiveUpdate(w) }, api.SyncInSync},
		"no live update, something edited": {func(w *world) { noLiveUpdate(w); w.edit("a", "x") }, api.SyncBuild},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.do(w)
			w.want(test.want, api.SyncIn{Full: true})
		})
	}
}

func noLiveUpdate(w *world) {
	p := *w.Plans.Now()
	p.Images = slices.Clone(p.Images)
	p.Images[0].LiveUpdate = nil
	w.Plans.Use(&p)
}

// To look at a resource that nobody asked to be updated changes nothing.
func TestSync_OnlyLooksWhenItIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit("a", "A")
	w.want(api.SyncUpdated, api.SyncIn{Check: true, Full: true})
	if w.batches != 0 || len(w.records) != 0 {
		t.Errorf("%d batches and %d records after a look", w.batches, len(w.records))
	}
}

// A run step that fails is the user's error, and everything is done again after the next save.
func TestSync_DoesAgainWhatARunStepFailedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.edit("a", "A")
	w.exitCode = 3
	_, err := w.run(api.SyncIn{})
	if f := failure.Of(err); f.Class != failure.User || f.Summary != "a run step of live_update failed with exit code 3" {
		t.Fatalf("error %v of class %s, summary %q", err, f.Class, f.Summary)
	}
	w.exitCode = 0
	w.edit("dir/b", "B")
	w.want(api.SyncUpdated, api.SyncIn{})
	if got := slices.Sorted(maps.Keys(w.records["one"].Files)); !slices.Equal(got, []string{w.path("a"), w.path("dir/b")}) {
		t.Errorf("recorded %v, want both files", got)
	}
	w.exitCode = killed
	w.edit("a", "C")
	if _, err := w.run(api.SyncIn{}); failure.Of(err).Class != failure.Transient {
		t.Errorf("a killed run step is %v, want a transient failure", err)
	}
}

func TestSync_RefusesAnOlderSpec(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Activities.Sync(t.Context(), api.SyncIn{Resource: "web", Spec: "older"})
	if failure.Of(err).Class != failure.Superseded {
		t.Errorf("error %v, want a superseded one", err)
	}
}

// What a run step failed on is in the container all the same: when the disk is as it was before, that has to go there too.
func TestSync_TakesBackWhatARunStepFailedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exitCode = 3
	w.edit("a", "A")
	w.edit("dir/new", "N")
	if _, err := w.run(api.SyncIn{}); failure.Of(err).Class != failure.User {
		t.Fatalf("error %v", err)
	}
	w.exitCode = 0
	w.edit("a", "a")
	w.remove("dir/new")
	w.changed("dir/new")
	w.want(api.SyncUpdated, api.SyncIn{Full: true})
	if diff := cmp.Diff(map[string]string{"/srv/a": "a", "/srv/dir/new": "-"}, w.files["one"]); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	w.want(api.SyncInSync, api.SyncIn{Full: true})
}
