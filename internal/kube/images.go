package kube

import (
	"fmt"

	"github.com/distribution/reference"

	"github.com/envflow/envflow/internal/failure"
)

// imageSet are the images of an injection, and which of them were found in an object.
type imageSet struct {
	images     []*imageMatch
	annotation string // what objects say of them
}

type imageMatch struct {
	InjectedImage
	named reference.Named
	found bool
}

func newImageSet(images []InjectedImage) (*imageSet, error) {
	set := &imageSet{}
	for _, image := range images {
		named, err := reference.ParseNormalizedNamed(image.Image.Ref)
		if err != nil {
			return nil, failure.UserError(fmt.Errorf("read the image name %q: %w", image.Image.Ref, err), "%s is no image name", image.Image.Ref)
		}
		set.images = append(set.images, &imageMatch{InjectedImage: image, named: named})
	}
	var err error
	set.annotation, err = builtAnnotation(images)
	return set, err
}

// find returns the image that text names, nil if it is none of ours. One that asks for its very tag goes first.
func (s *imageSet) find(text string) *imageMatch {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return nil
	}
	var found *imageMatch
	for _, image := range s.images {
		switch {
		case image.Image.MatchExact && image.named.String() == named.String():
			return image
		case !image.Image.MatchExact && image.named.Name() == named.Name() && found == nil:
			found = image
		}
	}
	return found
}

// inject puts our images into the containers of a pod's spec, and reports whether there was a place for one.
func (s *imageSet) inject(spec map[string]any) (ours bool) {
	for _, container := range containersOf(spec) {
		ours = s.injectEnv(container) || ours
		text, _ := container["image"].(string)
		image := s.find(text)
		if image == nil {
			continue
		}
		image.found, ours = true, true
		container["image"] = image.Ref
		container["imagePullPolicy"] = pullPolicy
		// The arguments in the YAML were meant for the command that is replaced.
		if len(image.Image.Entrypoint) > 0 {
			container["command"] = list(image.Image.Entrypoint)
			delete(container, "args")
		}
		switch args := image.Image.ContainerArgs; {
		case len(args) > 0:
			container["args"] = list(args)
		case args != nil:
			delete(container, "args")
		}
	}
	return s.injectVolumes(spec) || ours
}

// injectVolumes puts our images into the volumes of a pod's spec that are images.
func (s *imageSet) injectVolumes(spec map[string]any) (ours bool) {
	volumes, _ := spec["volumes"].([]any)
	for _, item := range volumes {
		volume, _ := item.(map[string]any)
		source, _ := volume["image"].(map[string]any)
		text, _ := source["reference"].(string)
		if image := s.find(text); image != nil {
			image.found, ours = true, true
			source["reference"] = image.Ref
			source["pullPolicy"] = pullPolicy
		}
	}
	return ours
}

func (s *imageSet) injectEnv(container map[string]any) (ours bool) {
	env, _ := container["env"].([]any)
	for _, item := range env {
		variable, _ := item.(map[string]any)
		text, _ := variable["value"].(string)
		if image := s.find(text); image != nil && image.Image.MatchInEnvVars {
			image.found, ours = true, true
			variable["value"] = image.Ref
		}
	}
	return ours
}

// unused returns the names of the images that should have been in an object.
func (s *imageSet) unused() []string {
	var refs []string
	for _, image := range s.images {
		if !image.found && !image.Optional {
			refs = append(refs, image.Image.Ref)
		}
	}
	return refs
}

func list(words []string) []any {
	values := make([]any, len(words))
	for i, word := range words {
		values[i] = word
	}
	return values
}
