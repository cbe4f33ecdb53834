package image

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path/filepath"
	"slices"

	"github.com/envflow/envflow/activities/liveupdate"
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/plan"
)

// Spec returns the part of an input digest that stands for the definition of an image, without its files. What is done to
// the image after it was built (live update, the container's command) does not count, and neither do the filters of its
// context: they show in the files. lookup reads the environment for build args without a value.
func Spec(image *plan.Image, lookup func(string) (string, bool)) string {
	i := *image
	i.LiveUpdate, i.Entrypoint, i.ContainerArgs, i.Ignores, i.WatchIgnores, i.MatchInEnvVars, i.MatchExact, i.CacheFrom = nil, nil, nil, nil, nil, false, false, nil
	i.BuildArgs = map[string]string{}
	for name, value := range image.BuildArgs {
		if value == "" {
			value, _ = lookup(name)
		}
		i.BuildArgs[name] = value
	}
	return plan.Digest(i)
}

// Input returns the digest of all that goes into an image, given the files of its context and the images that were built
// before it for the same resource. lookup is as in Spec.
func Input(p *plan.Plan, image *plan.Image, tree map[string]string, built []api.DeployedImage, lookup func(string) (string, bool)) string {
	return digest(image, tree, basesOf(p, image, built), lookup)
}

// digest is <definition>-<files and images below>, or <definition>-<files and images below>-<files> for an image with a live
// update: the last are those that its syncs cover. So it shows whether two versions of an image differ only by what can be
// brought into a container.
func digest(image *plan.Image, tree map[string]string, bases []api.DeployedImage, lookup func(string) (string, bool)) string {
	if len(image.LiveUpdate) == 0 {
		return Spec(image, lookup) + "-" + files(image.Context, tree, bases)
	}
	covered, rest := map[string]string{}, map[string]string{}
	for path, mark := range tree {
		if liveupdate.Covers(image, path) {
			covered[path] = mark
		} else {
			rest[path] = mark
		}
	}
	return Spec(image, lookup) + "-" + files(image.Context, rest, bases) + "-" + files(image.Context, covered, nil)
}

// files returns a part of an input digest that stands for files of the context and the images below.
func files(root string, tree map[string]string, bases []api.DeployedImage) string {
	sum := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			rel = path
		}
		_, _ = sum.Write([]byte(filepath.ToSlash(rel) + "\x00" + tree[path] + "\x00"))
	}
	for _, base := range bases {
		_, _ = sum.Write([]byte("base\x00" + base.Ref + "\x00" + base.ImageID + "\x00"))
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// basesOf are those of the images built before that the Dockerfile stands on.
func basesOf(p *plan.Plan, image *plan.Image, built []api.DeployedImage) (bases []api.DeployedImage) {
	refs := docker.BaseRefs(image.Dockerfile, image.BuildArgs)
	for _, b := range built {
		base := p.Image(b.Ref)
		if base != nil && slices.ContainsFunc(refs, base.Matches) {
			bases = append(bases, b)
		}
	}
	return bases
}
