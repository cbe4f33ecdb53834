// Package k8s is the family of builtins about Kubernetes: k8s_yaml, k8s_resource, port_forward, allow_k8s_contexts,
// k8s_context, k8s_namespace.
//
// It turns objects into resources as Tilt does: what runs containers becomes a resource, Services join by their selectors,
// k8s_resource names, groups and configures, and the rest is "uncategorized". It reads manifests and reaches no cluster.
package k8s
