package images

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"

	"github.com/distribution/reference"
	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/ignores"
	"github.com/envflow/envflow/starlark/kit"
)

// Family holds the images of one evaluation.
type Family struct {
	run           *kit.Run
	builds        []*build
	byRef         map[string]*build   // by normalized reference
	byRepo        map[string][]*build // by normalized name without tag
	steps         []*step
	consumed      map[kit.Frame]bool // places of steps that a live update uses
	registryTrace kit.Trace
	ignores       *ignores.Family
	seen          []string // images in containers that no build makes, to find misspellings
	anyContainer  bool
}

// build is one docker_build or custom_build.
type build struct {
	builtin   string // that made it, for messages
	image     plan.Image
	named     reference.Named
	trace     kit.Trace
	froms     []string // images its Dockerfile starts or copies from
	imageDeps []string // images that its command needs: each must be built here
	base      []*build // what is built here and must be built before
	steps     []*step
	used      bool
}

//go:embed builtins.md
var docs string

// New registers the family. ignore tells which files are left out.
func New(run *kit.Run, ignore *ignores.Family) *Family {
	run.Document(docs)
	f := &Family{
		run:      run,
		byRef:    map[string]*build{},
		byRepo:   map[string][]*build{},
		consumed: map[kit.Frame]bool{},
		ignores:  ignore,
	}
	run.Builtin("docker_build", f.dockerBuild)
	run.Builtin("custom_build", f.customBuild)
	run.Builtin("default_registry", f.defaultRegistry)
	f.registerSteps()
	run.OnAssemble(f.assemble)
	run.OnFinish(f.finish)
	return f
}

// add takes an image in, unless its name is taken.
func (f *Family) add(b *build) error {
	key := b.named.String()
	if first, ok := f.byRef[key]; ok {
		at := first.trace[0]
		return fmt.Errorf("the image %s is defined twice; the first is at %s:%d", b.image.Ref, f.run.Display(at.File), at.Line)
	}
	_, tagged := b.named.(reference.Tagged)
	_, digested := b.named.(reference.Digested)
	b.image.MatchExact = tagged || digested
	repo := f.byRepo[b.named.Name()]
	if len(repo) > 0 {
		b.image.MatchExact = true
		for _, other := range repo {
			other.image.MatchExact = true
		}
	}
	f.byRef[key] = b
	f.byRepo[b.named.Name()] = append(repo, b)
	f.builds = append(f.builds, b)
	return nil
}

// find returns the build that a container's image means, nil if none.
func (f *Family) find(container string) *build {
	named, err := reference.ParseNormalizedNamed(container)
	if err != nil {
		return nil
	}
	for _, b := range f.byRepo[named.Name()] {
		if b.image.Matches(container) {
			return b
		}
	}
	return nil
}

// Use returns the refs of what must be built for containers with the given images, in build order, and marks it as used.
// envValues are values of environment variables, which count for images with match_in_env_vars.
func (f *Family) Use(containers, envValues []string) []string {
	f.anyContainer = f.anyContainer || len(containers) > 0
	var refs []string
	for _, c := range containers {
		if b := f.find(c); b != nil {
			refs = b.closure(refs)
		} else {
			f.seen = append(f.seen, c)
		}
	}
	for _, v := range envValues {
		if b := f.find(v); b != nil && b.image.MatchInEnvVars {
			refs = b.closure(refs)
		}
	}
	return refs
}

// Need returns the refs of what must be built for image_deps, in build order, and marks it as used; and, for each item, the ref of
// the image it means.
func (f *Family) Need(imageDeps []string) (refs, meant []string, err error) {
	for _, dep := range imageDeps {
		b, err := f.dependency(dep)
		if err != nil {
			return nil, nil, err
		}
		refs, meant = b.closure(refs), append(meant, b.image.Ref)
	}
	return refs, meant, nil
}

// MatchesInEnv reports whether the value of a container's environment variable names an image with match_in_env_vars.
func (f *Family) MatchesInEnv(value string) bool {
	b := f.find(value)
	return b != nil && b.image.MatchInEnvVars
}

// closure appends the build and what it is made of, that first.
func (b *build) closure(refs []string) []string {
	if slices.Contains(refs, b.image.Ref) {
		return refs
	}
	b.used = true
	for _, base := range b.base {
		refs = base.closure(refs)
	}
	return append(refs, b.image.Ref)
}

// assemble connects the images with what they are made of. It runs before the family that looks at containers.
func (f *Family) assemble() error {
	for _, b := range f.builds {
		for _, from := range b.froms {
			// An image named as the one it starts from, such as nginx, starts from the registry's.
			if base := f.find(from); base != nil && base != b && !slices.Contains(b.base, base) {
				b.base = append(b.base, base)
			}
		}
		for _, ref := range b.imageDeps {
			base, err := f.dependency(ref)
			if err != nil {
				return kit.At(b.trace, b.builtin, err)
			}
			b.image.Custom.ImageDeps = append(b.image.Custom.ImageDeps, base.image.Ref)
			if !slices.Contains(b.base, base) {
				b.base = append(b.base, base)
			}
		}
	}
	done := map[*build]bool{}
	for _, b := range f.builds {
		if err := b.checkCycle(done, nil); err != nil {
			return err
		}
		if err := f.checkSteps(b); err != nil {
			return kit.At(b.trace, b.builtin, err)
		}
	}
	return f.checkUnused()
}

// dependency returns the build that an item of image_deps means.
func (f *Family) dependency(ref string) (*build, error) {
	if b := f.find(ref); b != nil {
		return b, nil
	}
	err := fmt.Errorf("image_deps: the image %s is built by no docker_build or custom_build", ref)
	var known []string
	for _, b := range f.builds {
		known = append(known, b.image.Ref)
	}
	return nil, kit.DidYouMean(err, ref, known)
}

// checkCycle refuses images that are made of each other.
func (b *build) checkCycle(done map[*build]bool, path []*build) error {
	if done[b] {
		return nil
	}
	if i := slices.Index(path, b); i >= 0 {
		text := ""
		for _, each := range path[i:] {
			text += each.image.Ref + " -> "
		}
		return kit.At(b.trace, b.builtin, fmt.Errorf("images are built from each other: %s%s", text, b.image.Ref))
	}
	for _, base := range b.base {
		if err := base.checkCycle(done, append(path, b)); err != nil {
			return err
		}
	}
	done[b] = true
	return nil
}

// finish puts the images into the plan and warns of those that nothing uses.
func (f *Family) finish() error {
	for _, b := range f.builds {
		b.image.WatchIgnores = f.ignores.Watch()
		f.run.Plan.Images = append(f.run.Plan.Images, b.image)
		if !b.used {
			f.warnUnused(b)
		}
	}
	return nil
}

func (f *Family) warnUnused(b *build) {
	suppressed := f.run.Plan.Settings.SuppressUnusedWarnings
	if slices.Contains(suppressed, "*") || slices.Contains(suppressed, b.image.Ref) {
		return
	}
	reason := "no resource uses it"
	if !f.anyContainer {
		reason = "the Tiltfile has no resource with a container"
	}
	if near := kit.Closest(b.image.Ref, f.seen); near != "" {
		reason += fmt.Sprintf(" (did you mean %s?)", near)
	}
	f.run.AddWarning(kit.Warning{
		At: b.trace, Builtin: b.builtin, Rule: kit.RuleUnusedImage,
		Text: fmt.Sprintf("the image %s is not built: %s", b.image.Ref, reason),
		Hint: fmt.Sprintf("update_settings(suppress_unused_image_warnings=[%q]) hides this", b.image.Ref),
	})
}

// defaultRegistry says where images are pushed to.
func (f *Family) defaultRegistry(c *kit.Call) (gostarlark.Value, error) {
	var host, fromCluster, single kit.Str
	if err := c.Unpack("host", &host, "host_from_cluster?", &fromCluster, "single_name?", &single); err != nil {
		return nil, err
	}
	if len(f.registryTrace) > 0 {
		first := f.registryTrace[0]
		return nil, fmt.Errorf("it can be called only once; the first call is at %s:%d", c.Display(first.File), first.Line)
	}
	for _, h := range []kit.Str{host, fromCluster} {
		if h == "" {
			continue
		}
		if _, err := reference.ParseNormalizedNamed(string(h) + "/image"); err != nil {
			return nil, kit.Hint(fmt.Errorf("%q is not the name of a registry: %w", h, err), "write host[:port][/path], without https://")
		}
	}
	if host == "" {
		return nil, errors.New("the host is empty")
	}
	f.registryTrace = c.Trace()
	f.run.Plan.Settings.DefaultRegistry = &plan.Registry{Host: string(host), HostFromCluster: string(fromCluster), SingleName: string(single)}
	return nil, nil
}
