package kube

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// refreshEvery limits how often kinds that the cluster does not know make us ask again for those it knows.
const refreshEvery = 300 * time.Millisecond

// mapper knows the kinds of the cluster. It remembers them and asks again when it misses one: client-go's own does so only
// once, and so never sees a CustomResourceDefinition that comes later.
type mapper struct {
	*restmapper.DeferredDiscoveryRESTMapper
	mu        sync.Mutex // guards refreshed
	refreshed time.Time
}

func newMapper(client *discovery.DiscoveryClient) *mapper {
	return &mapper{DeferredDiscoveryRESTMapper: restmapper.NewDeferredDiscoveryRESTMapper(uncached{client})}
}

// uncached says that what it answers is new, which it is: the mapper above it is what remembers. The cache of client-go logs
// to the global logger when the cluster is away.
type uncached struct{ *discovery.DiscoveryClient }

func (uncached) Fresh() bool { return true }
func (uncached) Invalidate() {}

// RESTMapping returns how the API names the kind, and whether it is namespaced. It may ask the cluster.
func (m *mapper) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	mapping, err := m.DeferredDiscoveryRESTMapper.RESTMapping(kind, versions...)
	if meta.IsNoMatchError(err) {
		m.refresh()
		mapping, err = m.DeferredDiscoveryRESTMapper.RESTMapping(kind, versions...)
	}
	return mapping, err
}

// refresh forgets the known kinds unless that has just been done.
func (m *mapper) refresh() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.refreshed) >= refreshEvery {
		m.refreshed = time.Now()
		m.Reset()
	}
}

// Mapper returns what knows the kinds of the cluster. Its calls ask the cluster when they meet one they do not know.
func (c *Cluster) Mapper() meta.RESTMapper { return c.mapper }

// resource returns the client for objects of the kind, and whether they are namespaced. For those that are not, namespace
// is ignored.
func (c *Cluster) resource(kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, *meta.RESTMapping, error) {
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, nil, err
	}
	all := c.clients.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return all, mapping, nil
	}
	return all.Namespace(namespace), mapping, nil
}

// place gives an object of a namespaced kind that names no namespace that of the target, and takes it from one that has none.
func (c *Cluster) place(obj *unstructured.Unstructured) error {
	_, mapping, err := c.resource(obj.GroupVersionKind(), "")
	if err != nil {
		return err
	}
	switch {
	case mapping.Scope.Name() == meta.RESTScopeNameRoot:
		obj.SetNamespace(metav1.NamespaceNone)
	case obj.GetNamespace() == "":
		obj.SetNamespace(c.target.Namespace)
	}
	return nil
}
