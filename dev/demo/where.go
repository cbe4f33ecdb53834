package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/kube"
)

// What people may wish for.
const (
	wishAuto       = "auto"
	wishKubernetes = "kubernetes"
	wishLocal      = "local"
)

// where the shop runs.
type where struct {
	local      bool
	why        string
	context    string // of the kubeconfig
	kubeconfig string // "": as kubectl finds it
}

func (w where) how() string {
	if w.local {
		return "as processes of this machine"
	}
	return "on Kubernetes, in the context " + w.context
}

// sharing are products whose clusters see the images of the docker engine, without a registry.
var sharing = []string{kube.ProductDockerDesktop, kube.ProductOrbstack, kube.ProductRancherDesktop}

// choose decides where the shop runs.
func choose(ctx context.Context, wish string, lookup func(string) (string, bool)) (where, error) {
	switch wish {
	case wishLocal:
		return where{local: true, why: "that is what DEMO=local asks for"}, nil
	case wishAuto, wishKubernetes:
	default:
		return where{}, fmt.Errorf("DEMO is %q; it can be %s, %s or %s", wish, wishAuto, wishKubernetes, wishLocal)
	}
	found, current := usable(ctx, "", lookup)
	if current == nil {
		return found, nil
	}
	if bed, err := filepath.Abs(filepath.Join(".testbed", "kubeconfig")); err == nil {
		if _, err := os.Stat(bed); err == nil {
			if found, err := usable(ctx, bed, lookup); err == nil {
				found.why = "that is the testbed, which runs on this machine"
				return found, nil
			}
		}
	}
	if wish == wishKubernetes {
		return where{}, fmt.Errorf("DEMO=kubernetes needs a cluster for development: %w; `make testbed` starts one on Debian, kind, k3d, minikube and Docker Desktop are others", current)
	}
	return where{local: true, why: current.Error()}, nil
}

// usable returns the current context of a kubeconfig if the shop may and can run there, else why not.
func usable(ctx context.Context, kubeconfig string, lookup func(string) (string, bool)) (where, error) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	target, err := kube.Load(kube.Config{Path: kubeconfig, LookupEnv: lookup})
	switch {
	case errors.Is(err, kube.ErrNotConfigured):
		return where{}, errors.New("no cluster is configured")
	case err != nil:
		return where{}, fmt.Errorf("the kubeconfig cannot be used (%w)", err)
	case !target.IsDevCluster():
		return where{}, fmt.Errorf("the current context %s is not known as a cluster for development", target.Context)
	}
	cluster := kube.Connect(target)
	if err := cluster.Ping(ctx); err != nil {
		return where{}, fmt.Errorf("the cluster of the current context %s does not answer", target.Context)
	}
	engine, err := docker.Connect(ctx, docker.Options{LookupEnv: lookup})
	if err != nil {
		return where{}, errors.New("no docker engine answers, and images have to be built")
	}
	_ = engine.Close() // it was only asked whether it is there
	registry, err := cluster.LocalRegistry(ctx)
	if err != nil {
		return where{}, fmt.Errorf("the cluster of the current context %s does not tell its registry", target.Context)
	}
	if registry == nil && !slices.Contains(sharing, target.Product()) {
		return where{}, fmt.Errorf("the cluster of the current context %s announces no registry (KEP-1755), so it cannot have images of this machine", target.Context)
	}
	why := fmt.Sprintf("the current context is a cluster for development (%s)", target.Product())
	return where{context: target.Context, kubeconfig: kubeconfig, why: why}, nil
}
