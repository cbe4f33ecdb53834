package kube

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
)

// What envflow writes into the metadata of an object, and only there: the template of a pod is the same for everybody.
const (
	LabelEnvironment    = "envflow.dev/environment" // ID of the environment that owns the object
	AnnotationOwner     = "envflow.dev/owner"       // user@host:path of the environment
	AnnotationResource  = "envflow.dev/resource"    // resource that the object belongs to
	AnnotationDigest    = "envflow.dev/digest"      // of the object as it was applied
	AnnotationImages    = "envflow.dev/images"      // on what runs them: which images of ours, and what they were built from
	AnnotationCreatedBy = "envflow.dev/created-by"  // on namespaces: ID of the environment that made it
)

// annotationDownPolicy with the value "keep" keeps an object from being deleted, as in Tilt.
const annotationDownPolicy = "tilt.dev/down-policy"

// Injection is what the objects of a resource get beside what the YAML says.
type Injection struct {
	Environment string // ID
	Owner       string // user@host:path
	Resource    string // name
	Namespace   string // for objects of built-in namespaced kinds that name none; "": Apply fills it in
	Images      []InjectedImage
}

// InjectedImage is an image that was built.
type InjectedImage struct {
	Image    *plan.Image
	Ref      string // as the cluster pulls it
	Optional bool   // true: it need not be in any object, because other images are built on it
	Built    Built  // what the objects say of it; none if it is not known for sure
}

// Inject returns the objects as they are to be applied: with the label of the environment, its images in place of those that
// the YAML names, and Tilt's changes to what would slow development down (image pulls, stateful sets that start pod by
// pod). It does not change what it is given.
//
// An image that no object names is the user's error, and so is an object that is not one.
func Inject(objects []plan.Object, in Injection) ([]*unstructured.Unstructured, error) {
	images, err := newImageSet(in.Images)
	if err != nil {
		return nil, err
	}
	scopes, told := scopesOf(objects), false
	injected := make([]*unstructured.Unstructured, 0, len(objects))
	for i := range objects {
		obj, err := decode(&objects[i])
		if err != nil {
			return nil, err
		}
		mark(obj, in)
		if obj.GetNamespace() == "" && scopes.namespaced(obj.GroupVersionKind().GroupKind()) {
			obj.SetNamespace(in.Namespace)
		}
		if obj.GroupVersionKind().Group == "apps" && obj.GetKind() == "StatefulSet" {
			if spec, ok := obj.Object["spec"].(map[string]any); ok {
				spec["podManagementPolicy"] = "Parallel"
			}
		}
		ours := false
		for _, spec := range podSpecs(obj) {
			ours = images.inject(spec) || ours
		}
		for _, l := range objects[i].Locators {
			located, err := images.injectAt(obj.Object, l)
			if err != nil {
				return nil, locatorError(err, obj, l)
			}
			ours = located || ours
		}
		if ours {
			setAnnotation(obj, AnnotationImages, images.annotation)
			told = true
		}
		injected = append(injected, obj)
	}
	if missing := images.unused(); len(missing) > 0 {
		err := fmt.Errorf("no object of %s has the image %s: compare the image names of docker_build and of the YAML", in.Resource, strings.Join(missing, ", "))
		return nil, failure.UserError(err, "%s", err)
	}
	if !told && len(injected) > 0 { // the images stand where we do not look, or are only built on
		setAnnotation(injected[0], AnnotationImages, images.annotation)
	}
	return injected, nil
}

// locatorError is the user's error, with a summary that quotes nothing of the object unless err has one.
func locatorError(err error, obj *unstructured.Unstructured, l plan.ImageLocator) error {
	if _, ok := errors.AsType[*failure.Error](err); ok {
		return err
	}
	return failure.UserError(fmt.Errorf("put images into %s/%s: %w", obj.GetKind(), obj.GetName(), err),
		"%s/%s names no image at %s", obj.GetKind(), obj.GetName(), l.Path)
}

func decode(o *plan.Object) (*unstructured.Unstructured, error) {
	obj := &unstructured.Unstructured{}
	if err := obj.UnmarshalJSON(o.JSON); err != nil {
		return nil, failure.UserError(fmt.Errorf("read the object %s/%s: %w", o.Kind, o.Name, err), "%s/%s is no Kubernetes object", o.Kind, o.Name)
	}
	if obj.GetName() == "" {
		return nil, failure.UserError(fmt.Errorf("read an object of kind %s: it has no metadata.name", o.Kind), "an object of kind %s has no metadata.name", o.Kind)
	}
	return obj, nil
}

func mark(obj *unstructured.Unstructured, in Injection) {
	labels := maps.Clone(obj.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelEnvironment] = in.Environment
	obj.SetLabels(labels)
	setAnnotation(obj, AnnotationOwner, in.Owner)
	setAnnotation(obj, AnnotationResource, in.Resource)
}

// setAnnotation sets nothing if the value is "".
func setAnnotation(obj *unstructured.Unstructured, name, value string) {
	if value == "" {
		return
	}
	annotations := maps.Clone(obj.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[name] = value
	obj.SetAnnotations(annotations)
}

// podSpecs returns the specs of the pods that come from the object, to be changed in place: that of a Pod, of a CronJob's
// jobs, and of any kind that has a spec.template like that of a Deployment.
func podSpecs(obj *unstructured.Unstructured) []map[string]any {
	spec, _ := obj.Object["spec"].(map[string]any)
	if spec == nil {
		return nil
	}
	if obj.GroupVersionKind().Group == "" && obj.GetKind() == "Pod" {
		return []map[string]any{spec}
	}
	var specs []map[string]any
	for _, path := range [][]string{{"template", "spec"}, {"jobTemplate", "spec", "template", "spec"}} {
		found := spec
		for _, name := range path {
			found, _ = found[name].(map[string]any) // a nil map has no entries
		}
		if _, ok := found["containers"].([]any); ok {
			specs = append(specs, found)
		}
	}
	return specs
}

// containersOf returns the containers of a pod's spec of all sorts, to be changed in place.
func containersOf(spec map[string]any) []map[string]any {
	var all []map[string]any
	for _, field := range []string{"initContainers", "containers", "ephemeralContainers"} {
		list, _ := spec[field].([]any)
		for _, item := range list {
			if container, ok := item.(map[string]any); ok {
				all = append(all, container)
			}
		}
	}
	return all
}

// pullPolicy keeps the kubelet from asking the registry for what it has: our tags never move.
const pullPolicy = string(corev1.PullIfNotPresent)
