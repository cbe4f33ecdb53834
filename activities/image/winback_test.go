package image

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/activities"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/filetree"
	"github.com/envflow/envflow/internal/ignore"
	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/internal/records"
)

// world is a disk, an engine and the records of one environment. Its Build is that of the engine.
type world struct {
	Activities

	t      *testing.T
	id     string // of what the engine builds
	tree   map[string]string
	after  filetree.Stats    // as Scan says after the first look
	tags   map[string]string // of the engine: name -> ID
	images map[string]records.Image
	builds int
	looks  int
}

func (w *world) Scan(context.Context, string) (map[string]string, filetree.Stats, error) {
	w.looks++
	if w.looks > 1 {
		return maps.Clone(w.tree), w.after, nil
	}
	return maps.Clone(w.tree), filetree.Stats{}, nil
}
func (w *world) Filter(string) (*ignore.Filter, error) { return ignore.New() }

func (w *world) Build(context.Context, docker.BuildRequest) (docker.BuildResult, error) {
	w.builds++
	return docker.BuildResult{ImageID: w.id}, nil
}

func (w *world) Tag(_ context.Context, id, ref string) error {
	w.tags[ref] = id
	return nil
}

func (w *world) RemoveImage(_ context.Context, ref string) error {
	delete(w.tags, ref)
	return nil
}
func (w *world) Push(context.Context, string, func(string)) (string, error) { return "", nil }
func (w *world) ImageExists(_ context.Context, id string) (bool, error) {
	return slices.Contains(slices.Collect(maps.Values(w.tags)), id), nil
}

func (w *world) ImageID(_ context.Context, ref string) (string, bool, error) {
	id, ok := w.tags[ref]
	return id, ok, nil
}
func (w *world) InRegistry(context.Context, string) (bool, error) { return true, nil }

func (w *world) Image(_ context.Context, ref, digest string) (records.Image, bool, error) {
	image, ok := w.images[ref+" "+digest]
	return image, ok, nil
}

func (w *world) ImageByClusterRef(_ context.Context, clusterRef string) (records.Image, bool, error) {
	for _, image := range w.images {
		if image.ClusterRef == clusterRef {
			return image, true, nil
		}
	}
	return records.Image{}, false, nil
}

func (w *world) PutImage(_ context.Context, image records.Image) error {
	w.images[image.Ref+" "+image.InputDigest] = image
	return nil
}

var steps = []plan.Step{{Kind: plan.StepFallBackOn, Paths: []string{"/src/web/config"}}, {Kind: plan.StepSync, Local: "/src/web", Remote: "/web"}}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, id: "sha256:" + strings.Repeat("a", 64), tags: map[string]string{}, images: map[string]records.Image{},
		tree: map[string]string{"/src/main.go": "1:644", "/src/web/index": "2:644", "/src/web/config": "3:644"},
	}
	w.Activities = Activities{
		Plans: &activities.Plans{}, Disk: w, Records: w,
		Engine: func(context.Context) (Engine, error) { return w, nil },
		Target: func(context.Context, *plan.Plan) (Target, error) { return Target{Shared: true}, nil },
		Enter:  func(context.Context, string) (func(), error) { return func() {}, nil },
		Lookup: func(string) (string, bool) { return "", false }, Log: func(string, string, string) {},
	}
	w.Plans.Use(&plan.Plan{
		Resources: []plan.Resource{{Name: "web", Type: plan.TypeKubernetes, Enabled: true, Images: []string{"web"}}},
		Images:    []plan.Image{{Ref: "web", Context: "/src", LiveUpdate: steps}},
	})
	return w
}

func (w *world) build(force bool) api.BuildImageOut {
	w.t.Helper()
	w.looks = 0
	out, err := w.Activities.Build(w.t.Context(), api.BuildImageIn{Resource: "web", Spec: w.Plans.Now().SpecDigest("web"), Image: "web", Force: force})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) record(digest string) records.Image {
	w.t.Helper()
	image, ok := w.images["web "+digest]
	if !ok {
		w.t.Fatalf("no record of %s", digest)
	}
	return image
}

func TestBuild_FindsWhatItBuiltBeforeTheRecordsWereLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	built := w.build(false)
	if w.record(built.Image.InputDigest).WonBack {
		t.Error("a new image counts as won back: each of its containers would be read")
	}
	clear(w.images)
	delete(w.tags, built.Image.PushRef)
	again := w.build(false)
	if diff := cmp.Diff(built.Image, again.Image); diff != "" || !again.Cached || w.builds != 1 {
		t.Errorf("%d builds, cached %v (-before +after):\n%s", w.builds, again.Cached, diff)
	}
	if r := w.record(again.Image.InputDigest); !r.WonBack || !maps.Equal(r.Files, w.tree) || w.tags[r.Tag] != w.id {
		t.Errorf("recorded %+v, tags %v", r, w.tags)
	}
	w.tree["/src/web/index"] = "4:644"
	if out := w.build(false); out.Cached || w.builds != 2 {
		t.Errorf("%d builds after an edit, cached %v", w.builds, out.Cached)
	}
}

// What nobody knows for sure is not to be found again, also if the same files were built undisturbed before.
func TestBuild_ForgetsWhatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.build(false)
	w.after = filetree.Stats{"/src/main.go": {}}
	out := w.build(true)
	if r := w.record(out.Image.InputDigest); len(r.Unsure) == 0 {
		t.Fatalf("recorded %+v, want files that are unsure", r)
	}
	clear(w.images)
	w.after = nil
	if out := w.build(false); out.Cached {
		t.Error("it was found")
	}
}

// Files may have been synced into containers of an image that was there before its record.
func TestBuild_DoesNotTrustContainersOfAnImageThatWasThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tags["web:"+docker.ContentTag(w.id)] = w.id
	out := w.build(false)
	if out.Cached || !w.record(out.Image.InputDigest).WonBack {
		t.Errorf("cached %v, recorded %+v", out.Cached, w.record(out.Image.InputDigest))
	}
}

// A record that knows less than the engine gives way to it.
func TestBuild_CompletesWhatWasWonBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := w.build(false)
	half := w.record(out.Image.InputDigest)
	half.WonBack, half.Unsure = true, []string{"/src/web/index"}
	w.images["web "+half.InputDigest] = half
	if again := w.build(false); !again.Cached || len(w.record(half.InputDigest).Unsure) != 0 {
		t.Errorf("cached %v, recorded %+v", again.Cached, w.record(half.InputDigest))
	}
}

func TestInput_TellsWhatSyncsCoverFromTheRest(t *testing.T) {
	t.Parallel()
	tree := map[string]string{"/src/main.go": "1:644", "/src/web/index": "2:644", "/src/web/config": "3:644"}
	none := func(string) (string, bool) { return "", false }
	input := func(image plan.Image, change func(tree map[string]string), built ...api.DeployedImage) []string {
		image.Ref, image.Context, image.Dockerfile = "web", "/src", "FROM base"
		p := &plan.Plan{Images: []plan.Image{{Ref: "base"}, image}}
		tree := maps.Clone(tree)
		if change != nil {
			change(tree)
		}
		return strings.Split(Input(p, &image, tree, built, none), "-")
	}
	live := plan.Image{LiveUpdate: steps}
	before := input(live, nil)
	if len(before) != 3 || before[0] != Spec(&plan.Image{Ref: "web", Context: "/src", Dockerfile: "FROM base"}, none) {
		t.Fatalf("%v", before)
	}
	if got := input(plan.Image{}, nil); len(got) != 2 || got[0] != before[0] {
		t.Errorf("without a live update: %v, with one %v", got, before)
	}
	for name, test := range map[string]struct {
		now  []string
		same []bool // definition, rest, covered
	}{
		"covered edited":  {input(live, func(t map[string]string) { t["/src/web/index"] = "x:644" }), []bool{true, true, false}},
		"covered added":   {input(live, func(t map[string]string) { t["/src/web/new"] = "x:644" }), []bool{true, true, false}},
		"covered removed": {input(live, func(t map[string]string) { delete(t, "/src/web/index") }), []bool{true, true, false}},
		"another edited":  {input(live, func(t map[string]string) { t["/src/main.go"] = "x:644" }), []bool{true, false, true}},
		"fall back":       {input(live, func(t map[string]string) { t["/src/web/config"] = "x:644" }), []bool{true, false, true}},
		"another base":    {input(live, nil, api.DeployedImage{Ref: "base", ImageID: "b"}), []bool{true, false, true}},
		"another target":  {input(plan.Image{LiveUpdate: steps, Target: "x"}, nil), []bool{false, true, true}},
	} {
		got := []bool{test.now[0] == before[0], test.now[1] == before[1], test.now[2] == before[2]}
		if !slices.Equal(got, test.same) {
			t.Errorf("%s: same %v, want %v", name, got, test.same)
		}
	}
	if name := "web:" + inputTag + strings.Join(before, "-"); len(filepath.Base(name)) > 128 {
		t.Errorf("%s is no tag", name)
	}
}
