package kube

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
)

// formerManagers wrote whole objects before us, or are us when we created one. Their fields become ours at the first
// update, so that what the YAML drops goes away. Managers of a single field, such as an autoscaler, are not among them.
var formerManagers = sets.New("kubectl-client-side-apply", "kubectl-create", "kubectl", "before-first-apply", "helm", "tilt", FieldManager)

// yields reports whether a manager gives way to us: people's tools do, controllers keep what they set.
func yields(manager string) bool {
	return formerManagers.Has(manager) || strings.HasPrefix(manager, "kubectl-")
}

// update writes an object over one that is there. A version conflict comes back as it is.
func (o *object) update(ctx context.Context, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	body := o.want.DeepCopy()
	if isNamespace(body.GroupVersionKind().GroupKind()) {
		setAnnotation(body, AnnotationCreatedBy, live.GetAnnotations()[AnnotationCreatedBy])
	}
	takeover := live.GetLabels()[LabelEnvironment] != o.Environment
	live, err := o.migrate(ctx, live)
	if err != nil {
		return nil, err
	}
	// It must still be the object that was looked at, and nobody may have put a label on it if it had none.
	body.SetUID(live.GetUID())
	if takeover {
		body.SetResourceVersion(live.GetResourceVersion())
	}
	return o.write(ctx, body)
}

// migrate makes the fields of former managers ours.
func (o *object) migrate(ctx context.Context, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, formerManagers, FieldManager)
	if err != nil || patch == nil {
		return live, err
	}
	return o.client.Patch(ctx, live.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
}

// write applies the body, and again without what the API server does not let us write: fields that it does not know, which
// a client-side apply ignores with a warning as well, and fields that another manager keeps.
func (o *object) write(ctx context.Context, body *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	options := metav1.ApplyOptions{FieldManager: FieldManager, Force: o.ServerSide == "false"}
	for {
		written, err := o.client.Apply(ctx, body.GetName(), body, options)
		if err == nil {
			return written, nil
		}
		dropped := false
		for _, path := range unknownFields(err) {
			if dropField(body.Object, path) {
				dropped = true
				o.logf("%s: warning: unknown field %q", title(body), strings.TrimPrefix(path, "."))
			}
		}
		forced := false
		for _, conflict := range conflicts(err) {
			if yields(conflict.manager) {
				forced = true
			} else if dropField(body.Object, conflict.path) {
				dropped = true
				o.logf("%s: %s is left as %s has set it", title(body), strings.TrimPrefix(conflict.path, "."), conflict.manager)
			}
		}
		if !dropped && (!forced || options.Force) {
			return nil, err
		}
		options.Force = options.Force || forced
	}
}

// conflict is a field that another manager has set to another value.
type conflict struct{ path, manager string }

var conflictManager = regexp.MustCompile(`conflict with "([^"]+)"`)

// conflicts returns the fields because of which an apply was refused.
func conflicts(err error) []conflict {
	var api apierrors.APIStatus
	if !errors.As(err, &api) {
		return nil
	}
	var found []conflict
	for _, cause := range causes(api.Status()) {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := "another manager"
		if m := conflictManager.FindStringSubmatch(cause.Message); m != nil {
			manager = m[1]
		}
		found = append(found, conflict{path: cause.Field, manager: manager})
	}
	return found
}

var unknownField = regexp.MustCompile(`(?m)(\.\S.*?): field not declared in schema`)

// unknownFields returns the fields that the schema of the kind does not have.
func unknownFields(err error) []string {
	if err == nil || !strings.Contains(err.Error(), "field not declared in schema") {
		return nil
	}
	var paths []string
	for _, m := range unknownField.FindAllStringSubmatch(err.Error(), -1) {
		if !slices.Contains(paths, m[1]) {
			paths = append(paths, m[1])
		}
	}
	return paths
}

// served reports whether the cluster serves all versions that a CustomResourceDefinition wants served.
func (o *object) served(ctx context.Context) (bool, error) {
	live, err := o.client.Get(ctx, o.want.GetName(), metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	if !condition(live, "Established") {
		return false, nil
	}
	group, _, _ := unstructured.NestedString(live.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(live.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(live.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		if version["served"] != true {
			continue
		}
		name, _ := version["name"].(string)
		_, err := o.mapper.RESTMapping(schema.GroupKind{Group: group, Kind: kind}, name)
		if meta.IsNoMatchError(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

func condition(live *unstructured.Unstructured, name string) bool {
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		one, _ := c.(map[string]any)
		return one["type"] == name && one["status"] == "True"
	})
}
