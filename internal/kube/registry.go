package kube

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
)

// LocalRegistry returns the registry that the cluster says it pulls from, nil if it names none: by the ConfigMap of KEP-1755
// (kube-public/local-registry-hosting), else the registry service of microk8s, else annotations of a node, as Tilt does. What
// we may not read names none.
func (c *Cluster) LocalRegistry(ctx context.Context) (*plan.Registry, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for _, look := range []func(context.Context) (*plan.Registry, error){c.registryOfConfigMap, c.registryOfMicroK8s, c.registryOfNodes} {
		found, err := look(ctx)
		if found != nil {
			return found, nil
		}
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
			return nil, c.classify(err, "look for the registry of the cluster")
		}
	}
	return nil, nil //nolint:nilnil // that there is none is an answer
}

func (c *Cluster) registryOfConfigMap(ctx context.Context) (*plan.Registry, error) {
	configMap, err := c.clients.clientset.CoreV1().ConfigMaps("kube-public").Get(ctx, "local-registry-hosting", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var hosting struct {
		Host                     string `json:"host"`
		HostFromContainerRuntime string `json:"hostFromContainerRuntime"`
	}
	if err := yaml.Unmarshal([]byte(configMap.Data["localRegistryHosting.v1"]), &hosting); err != nil {
		return nil, failure.UserError(fmt.Errorf("read the ConfigMap kube-public/local-registry-hosting: %w", err),
			"the ConfigMap kube-public/local-registry-hosting cannot be read")
	}
	return registry(hosting.Host, hosting.HostFromContainerRuntime), nil
}

func (c *Cluster) registryOfMicroK8s(ctx context.Context) (*plan.Registry, error) {
	if c.target.Product() != ProductMicroK8s {
		return nil, nil //nolint:nilnil // see LocalRegistry
	}
	service, err := c.clients.clientset.CoreV1().Services("container-registry").Get(ctx, "registry", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if len(service.Spec.Ports) == 0 || service.Spec.Ports[0].NodePort == 0 {
		return nil, nil //nolint:nilnil // see LocalRegistry
	}
	return registry(fmt.Sprintf("localhost:%d", service.Spec.Ports[0].NodePort), ""), nil
}

func (c *Cluster) registryOfNodes(ctx context.Context) (*plan.Registry, error) {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	for i := range nodes {
		annotations := nodes[i].Annotations
		if r := registry(annotations["tilt.dev/registry"], annotations["tilt.dev/registry-from-cluster"]); r != nil {
			return r, nil
		}
		if r := registry(annotations["kind.x-k8s.io/registry"], ""); r != nil {
			return r, nil
		}
	}
	return nil, nil //nolint:nilnil // see LocalRegistry
}

// registry returns nil if host is "".
func registry(host, fromCluster string) *plan.Registry {
	if host == "" {
		return nil
	}
	if fromCluster == host {
		fromCluster = ""
	}
	return &plan.Registry{Host: host, HostFromCluster: fromCluster}
}

// Platform returns what images must be built for, as in "linux/amd64": that of the first node that runs Linux. It is "" if
// we may not read nodes, or none runs Linux.
func (c *Cluster) Platform(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	nodes, err := c.nodes(ctx)
	if apierrors.IsForbidden(err) {
		return "", nil
	}
	if err != nil {
		return "", c.classify(err, "look for the platform of the nodes")
	}
	for i := range nodes {
		if info := nodes[i].Status.NodeInfo; info.OperatingSystem == "linux" && info.Architecture != "" {
			return "linux/" + info.Architecture, nil
		}
	}
	return "", nil
}

// nodes returns some nodes: a development cluster has few, and all of a large one are of the same make.
func (c *Cluster) nodes(ctx context.Context) ([]corev1.Node, error) {
	list, err := c.clients.clientset.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 20})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}
