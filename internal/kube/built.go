package kube

import (
	"encoding/json"
	"fmt"
)

// Built is what an object says of an image of ours that it runs: by it the record of a deployment is won back. It stands in
// the metadata of the object itself. In the template of the pods, each change of it would start all pods anew.
type Built struct {
	InputDigest string `json:"input"` // of what it was built from
	ImageID     string `json:"id"`    // in the engine
	ClusterRef  string `json:"ref"`   // as the object names it
}

// builtAnnotation returns the text of AnnotationImages, "" if it would say nothing.
func builtAnnotation(images []InjectedImage) (string, error) {
	all := map[string]Built{}
	for _, image := range images {
		if image.Built != (Built{}) {
			all[image.Image.Ref] = image.Built
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("write the annotation %s: %w", AnnotationImages, err)
	}
	return string(text), nil
}

// builtOf reads the text of AnnotationImages. What cannot be read says nothing.
func builtOf(annotation string) (all map[string]Built) {
	if json.Unmarshal([]byte(annotation), &all) != nil {
		return nil
	}
	return all
}
