package kube

import (
	"path/filepath"
	"slices"
	"strings"
)

// Products, as Tilt names them.
const (
	ProductUnknown        = "unknown"
	ProductCRC            = "crc"
	ProductColima         = "colima"
	ProductDockerDesktop  = "docker-desktop"
	ProductEKS            = "eks"
	ProductGKE            = "gke"
	ProductK3D            = "k3d"
	ProductKind           = "kind"
	ProductKrucible       = "krucible"
	ProductMicroK8s       = "microk8s"
	ProductMinikube       = "minikube"
	ProductOrbstack       = "orbstack"
	ProductRancherDesktop = "rancher-desktop"
)

// developmentProducts run on laptops. Environments go there without allow_k8s_contexts.
var developmentProducts = []string{
	ProductCRC, ProductColima, ProductDockerDesktop, ProductK3D, ProductKind, ProductKrucible, ProductMicroK8s, ProductMinikube,
	ProductOrbstack, ProductRancherDesktop,
}

// productPrefixes tell a product by how the name of its cluster begins.
var productPrefixes = []struct{ prefix, product string }{
	{"minikube", ProductMinikube},
	{"docker-for-desktop-cluster", ProductDockerDesktop},
	{"docker-desktop", ProductDockerDesktop},
	{"gke_", ProductGKE},
	{"arn:aws:eks:", ProductEKS},
	{"kind-", ProductKind},
	{"microk8s-cluster", ProductMicroK8s},
	{"api-crc-testing", ProductCRC},
	{"krucible-", ProductKrucible},
	{"k3d-", ProductK3D},
	{"rancher-desktop", ProductRancherDesktop},
	{"colima", ProductColima},
	{"orbstack", ProductOrbstack},
}

// Product says what made the cluster, by the rules of Tilt (pkg/clusterid): the name of the cluster, else where the
// certificate authority or the kubeconfig lies. A cluster that tells nothing by that is known by a context named kind-* or
// k3d-*, as these tools name them.
func (t Target) Product() string {
	if p := productByName(t.Cluster); p != ProductUnknown {
		return p
	}
	switch {
	case t.home != "" && strings.HasPrefix(t.origin, filepath.Join(t.home, ".config", "k3d")+string(filepath.Separator)):
		return ProductK3D
	case t.home != "" && strings.HasPrefix(t.authority, filepath.Join(t.home, ".minikube")+string(filepath.Separator)):
		return ProductMinikube
	case strings.HasPrefix(filepath.Base(t.origin), "kind-config-"):
		return ProductKind
	}
	switch p := productByName(t.Context); p {
	case ProductKind, ProductK3D:
		return p
	default:
		return ProductUnknown
	}
}

// IsDevCluster reports whether the cluster is of a product for laptops.
func (t Target) IsDevCluster() bool {
	return slices.Contains(developmentProducts, t.Product())
}

func productByName(name string) string {
	if name == "kind" {
		return ProductKind
	}
	for _, p := range productPrefixes {
		if strings.HasPrefix(name, p.prefix) {
			return p.product
		}
	}
	if strings.HasSuffix(name, ".eksctl.io") {
		return ProductEKS
	}
	return ProductUnknown
}
