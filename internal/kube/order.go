package kube

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The order in which kinds are applied. Those of one rank are applied side by side; Delete goes the other way.
const (
	rankNamespace = iota
	rankDefinition
	rankClass   // what the whole cluster chooses from
	rankAccount // who may
	rankBinding
	rankConfig // what workloads read or are limited by
	rankService
	rankWorkload
	rankCustom // kinds of CustomResourceDefinitions, whose controllers may be among the workloads, and all others
	rankLast   // what sends traffic or API calls to workloads
)

var ranks = map[string]int{
	"Namespace": rankNamespace,

	"CustomResourceDefinition": rankDefinition,

	"IngressClass": rankClass, "PriorityClass": rankClass, "RuntimeClass": rankClass, "StorageClass": rankClass,

	"ClusterRole": rankAccount, "Role": rankAccount, "ServiceAccount": rankAccount,

	"ClusterRoleBinding": rankBinding, "RoleBinding": rankBinding,

	"ConfigMap": rankConfig, "LimitRange": rankConfig, "NetworkPolicy": rankConfig, "PersistentVolume": rankConfig,
	"PersistentVolumeClaim": rankConfig, "PodDisruptionBudget": rankConfig, "ResourceQuota": rankConfig, "Secret": rankConfig,

	"Endpoints": rankService, "EndpointSlice": rankService, "Service": rankService,

	"CronJob": rankWorkload, "DaemonSet": rankWorkload, "Deployment": rankWorkload, "Job": rankWorkload, "Pod": rankWorkload,
	"ReplicaSet": rankWorkload, "ReplicationController": rankWorkload, "StatefulSet": rankWorkload,

	"APIService": rankLast, "HorizontalPodAutoscaler": rankLast, "Ingress": rankLast, "MutatingWebhookConfiguration": rankLast,
	"ValidatingWebhookConfiguration": rankLast,
}

// builtinGroups are the groups of the kinds above. The same kind of another group is somebody's own.
var builtinGroups = []string{
	"", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "autoscaling", "batch",
	"discovery.k8s.io", "networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
}

func rankOf(kind schema.GroupKind) int {
	if rank, ok := ranks[kind.Kind]; ok && slices.Contains(builtinGroups, kind.Group) {
		return rank
	}
	return rankCustom
}

// isWorkload reports whether the kind is one whose controller, or the kubelet, runs pods for it.
func isWorkload(kind schema.GroupKind) bool { return rankOf(kind) == rankWorkload }

// holdsData reports whether deleting an object of the kind may delete what nobody can make again. Such an object is deleted
// by `down` only, never to be made anew.
func holdsData(kind schema.GroupKind) bool {
	switch kind {
	case schema.GroupKind{Kind: "Namespace"}, schema.GroupKind{Kind: "PersistentVolume"}, schema.GroupKind{Kind: "PersistentVolumeClaim"},
		schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:
		return true
	}
	return false
}

// isNamespace reports whether the kind is that of namespaces.
func isNamespace(kind schema.GroupKind) bool { return kind == schema.GroupKind{Kind: "Namespace"} }
