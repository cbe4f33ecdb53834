package images

import (
	"github.com/envflow/envflow/internal/plan"
)

// Find returns the image that a container's image means, nil if none is built here.
func (f *Family) Find(container string) *plan.Image {
	if b := f.find(container); b != nil {
		return &b.image
	}
	return nil
}

// Bases returns the images that a Dockerfile starts or copies from.
func (f *Family) Bases(dockerfile string, buildArgs map[string]string) []string {
	return f.imagesOf(dockerfile, buildArgs)
}

// Ignores returns what of a build context does not count if something else than docker_build builds it.
func (f *Family) Ignores(context, dockerfile string) ([]plan.Ignore, error) {
	return f.ignoresOf(&plan.Image{Context: context, DockerfilePath: dockerfile}, nil, nil)
}
