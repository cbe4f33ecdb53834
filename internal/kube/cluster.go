package kube

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/envflow/envflow/internal/failure"
)

// How long one question to the API server may take.
const (
	pingTimeout    = 5 * time.Second
	requestTimeout = 15 * time.Second
)

// Cluster holds the clients of one cluster, which share their connections. It is safe for concurrent use.
type Cluster struct {
	target  Target
	clients *clients
	mapper  *mapper
}

// clients are all made from one HTTP client: each on its own would dial for itself.
type clients struct {
	http      *http.Client
	clientset *kubernetes.Clientset
	dynamic   *dynamic.DynamicClient
	discovery *discovery.DiscoveryClient
}

func newClients(config *rest.Config) (*clients, error) {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	c := &clients{http: httpClient}
	if c.clientset, err = kubernetes.NewForConfigAndClient(config, httpClient); err != nil {
		return nil, err
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(config, httpClient); err != nil {
		return nil, err
	}
	// Discovery takes no context, so it gets a deadline by its client.
	limited := *httpClient
	limited.Timeout = requestTimeout
	c.discovery, err = discovery.NewDiscoveryClientForConfigAndClient(config, &limited)
	return c, err
}

// Connect returns the clients of a target of Load. It asks no server, so it works while the cluster is away.
func Connect(t *Target) *Cluster {
	c, err := newClients(t.rest)
	if err != nil {
		panic("kube: clients of a target that Load has tried: " + err.Error())
	}
	return &Cluster{target: *t, clients: c, mapper: newMapper(c.discovery)}
}

// Target returns what the cluster was connected by.
func (c *Cluster) Target() Target { return c.target }

// Namespace returns where objects go that name no namespace.
func (c *Cluster) Namespace() string { return c.target.Namespace }

// Clientset returns the typed client. Its calls last as long as their context.
func (c *Cluster) Clientset() kubernetes.Interface { return c.clients.clientset }

// Dynamic returns the client for objects of any kind. Its calls last as long as their context.
func (c *Cluster) Dynamic() dynamic.Interface { return c.clients.dynamic }

// REST returns a copy of the configuration, for clients that upgrade connections.
func (c *Cluster) REST() *rest.Config { return rest.CopyConfig(c.target.rest) }

// Redial drops all connections, also those in use: after the machine slept they are dead, and nobody says so.
func (c *Cluster) Redial() { c.target.dialer.CloseAll() }

// Ping returns nil if the API server answers within 5 s, else a missing cluster.
func (c *Cluster) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	_, err := c.clients.discovery.RESTClient().Get().AbsPath("/version").DoRaw(ctx)
	if err == nil {
		return nil
	}
	return failure.Missing(fmt.Errorf("ask the cluster of context %s: %w", c.target.Context, err), failure.Cluster,
		"the cluster of context %s does not answer", c.target.Context)
}

// warnings hands what the API server warns of to the log of the request's context.
type warnings struct{}

// logKey is the key of a func(string) in a context.
type logKey struct{}

func (warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, message string) {
	if log, ok := ctx.Value(logKey{}).(func(string)); ok && code == 299 && message != "" {
		log("warning: " + message)
	}
}
