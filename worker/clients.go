package worker

import (
	"context"
	"sync"

	"github.com/envflow/envflow/activities/image"
	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/plan"
)

// clients reach the engine and the cluster. Neither is touched before it is needed.
type clients struct {
	kube   kube.Config
	lookup func(string) (string, bool)

	engineMu sync.Mutex // held while the engine is tried, which may take seconds
	engine   *docker.Client

	mu      sync.Mutex
	cluster *kube.Cluster
	target  *image.Target
}

// engineClient returns the engine. It may have been started since the last try.
func (c *clients) engineClient(ctx context.Context) (*docker.Client, error) {
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	if c.engine == nil {
		engine, err := docker.Connect(ctx, docker.Options{LookupEnv: c.lookup})
		if err != nil {
			return nil, err
		}
		c.engine = engine
	}
	return c.engine, nil
}

func (c *clients) pingEngine(ctx context.Context) error {
	engine, err := c.engineClient(ctx)
	if err != nil {
		return err
	}
	return engine.Ping(ctx)
}

// clusterClient returns the cluster. It is the same one as long as the worker lives, whatever becomes of the current context.
func (c *clients) clusterClient() (*kube.Cluster, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cluster == nil {
		target, err := kube.Load(c.kube)
		if err != nil {
			return nil, failure.Missing(err, failure.Cluster, "no cluster is configured")
		}
		c.cluster = kube.Connect(target)
	}
	return c.cluster, nil
}

func (c *clients) pingCluster(ctx context.Context) error {
	cluster, err := c.clusterClient()
	if err != nil {
		return err
	}
	return cluster.Ping(ctx)
}

// imageTarget finds out where images go. A registry that the cluster itself names wins over default_registry, as in Tilt.
func (c *clients) imageTarget(ctx context.Context, p *plan.Plan) (image.Target, error) {
	cluster, err := c.clusterClient()
	if err != nil {
		return image.Target{}, err
	}
	c.mu.Lock()
	found := c.target
	c.mu.Unlock()
	if found == nil {
		registry, err := cluster.LocalRegistry(ctx)
		if err != nil {
			return image.Target{}, err
		}
		platform, err := cluster.Platform(ctx)
		if err != nil {
			return image.Target{}, err
		}
		found = &image.Target{Registry: registry, Platform: platform}
		c.mu.Lock()
		c.target = found
		c.mu.Unlock()
	}
	target := *found
	if target.Registry == nil {
		target.Registry = p.Settings.DefaultRegistry
	}
	return target, nil
}

func (c *clients) redial() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cluster != nil {
		c.cluster.Redial()
	}
}

func (c *clients) close() {
	c.engineMu.Lock()
	defer c.engineMu.Unlock()
	if c.engine != nil {
		_ = c.engine.Close()
	}
}
