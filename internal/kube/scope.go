package kube

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/envflow/envflow/internal/plan"
)

// clusterScoped are the built-in kinds that live in no namespace.
var clusterScoped = []string{
	"APIService", "CSIDriver", "CSINode", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding", "ClusterTrustBundle",
	"CustomResourceDefinition", "DeviceClass", "FlowSchema", "IPAddress", "IngressClass", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
	"MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "PriorityClass", "PriorityLevelConfiguration", "ResourceSlice",
	"RuntimeClass", "ServiceCIDR", "StorageClass", "StorageVersionMigration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
	"ValidatingWebhookConfiguration", "VolumeAttachment", "VolumeAttributesClass",
}

// scopes knows, without asking a cluster, which kinds are namespaced: those built in, and those that the plan defines.
type scopes map[schema.GroupKind]bool

func scopesOf(objects []plan.Object) scopes {
	known := scopes{}
	for i := range objects {
		if objects[i].Kind != "CustomResourceDefinition" {
			continue
		}
		var definition struct {
			Spec struct {
				Group string `json:"group"`
				Scope string `json:"scope"`
				Names struct {
					Kind string `json:"kind"`
				} `json:"names"`
			} `json:"spec"`
		}
		if json.Unmarshal(objects[i].JSON, &definition) == nil {
			spec := definition.Spec
			known[schema.GroupKind{Group: spec.Group, Kind: spec.Names.Kind}] = spec.Scope == "Namespaced"
		}
	}
	return known
}

// namespaced reports whether objects of the kind live in namespaces, as far as is known here.
func (s scopes) namespaced(kind schema.GroupKind) bool {
	if namespaced, ok := s[kind]; ok {
		return namespaced
	}
	builtin := !strings.Contains(kind.Group, ".") || slices.Contains(builtinGroups, kind.Group)
	return builtin && !slices.Contains(clusterScoped, kind.Kind)
}
