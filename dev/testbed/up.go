package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/envflow/envflow/dev/testbed/pki"
)

// up makes the testbed healthy and writes the checkout's kubeconfig: at once if it is healthy already, else by repairing
// it, else by starting it from nothing.
func (t *testbed) up(ctx context.Context) error {
	began := time.Now()
	if t.unhealthy(ctx) != nil {
		if err := t.locked(ctx, t.makeHealthy); err != nil {
			return err
		}
	}
	path, err := t.writeKubeconfig()
	if err != nil {
		return err
	}
	t.say("healthy", "after %.1f s: export KUBECONFIG=%s", time.Since(began).Seconds(), path)
	t.say("", "contexts kind-testbed (current) and prod-testbed; registry %s; Docker at unix://%s", registryHost, dockerSocket)
	return nil
}

func (t *testbed) makeHealthy(ctx context.Context) error {
	if t.unhealthy(ctx) == nil {
		return nil // While this command waited for the lock somebody else repaired it.
	}
	fresh := !exists(etcdDir)
	err := t.bringUp(ctx)
	var failed daemonError
	if errors.As(err, &failed) && (failed.name == "dockerd" || failed.name == "registry") {
		return err // They do not depend on what the cluster remembers.
	}
	if err == nil || fresh || ctx.Err() != nil || !t.stuck(ctx) {
		return err
	}
	t.say("reset", "the cluster, which cannot be repaired: %s", firstLine(err.Error()))
	if err := t.reset(ctx); err != nil {
		return fmt.Errorf("take down the broken testbed: %w", err)
	}
	return t.bringUp(ctx)
}

// stuck reports whether everything is in place to run the cluster, so that only what the cluster remembers can be what
// keeps it from working.
func (t *testbed) stuck(ctx context.Context) bool {
	return len(t.missingPackages(ctx)) == 0 && exists(t.builds.kubernetes) && t.imageIDs() != nil && t.refuseForeign(ctx) == nil
}

// bringUp is the recipe. Every step leaves alone what is already as it should be.
func (t *testbed) bringUp(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		t.refuseForeign,
		t.installPackages,
		t.downloadPackages,
		t.build,
		t.buildImages,
		t.describe,
		t.sweep,
		t.prepareHost,
		t.issueCertificates,
		t.writeConfigs,
		t.startRuntimes,
		t.allowForwarding,
		t.startCluster,
		t.waitHealthy,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// describe looks at what was installed and built again, now that it is there.
func (t *testbed) describe(context.Context) error {
	var err error
	if t.builds, err = findBuilds(t.checkout); err != nil {
		return err
	}
	return t.describeDaemons()
}

// startRuntimes starts what the cluster stands on and loads the images, in one go.
func (t *testbed) startRuntimes(ctx context.Context) error {
	return together(ctx,
		func(ctx context.Context) error { return t.ensure(ctx, "etcd") },
		func(ctx context.Context) error { return t.ensure(ctx, "registry") },
		func(ctx context.Context) error { return t.ensure(ctx, "dockerd") },
		func(ctx context.Context) error { return t.ensure(ctx, "containerd") },
	)
}

func (t *testbed) startCluster(ctx context.Context) error {
	starts := func(names ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			for _, name := range names {
				if err := t.ensure(ctx, name); err != nil {
					return err
				}
			}
			return nil
		}
	}
	// The kubelet comes last: it must find the images that cannot be pulled, and the API server.
	if err := together(ctx, t.loadNode, starts("apiserver")); err != nil {
		return err
	}
	return together(ctx, t.loadEngine, t.pushImages, t.applyObjects,
		starts("kubelet"), starts("kube-proxy"), starts("controller-manager"), starts("scheduler"))
}

func (t *testbed) waitHealthy(ctx context.Context) error {
	if err := eventually(ctx, 90*time.Second, t.unhealthy); err != nil {
		return fmt.Errorf("the testbed does not become healthy: %w (logs in %s)", err, logDir)
	}
	return nil
}

// writeKubeconfig writes the checkout's kubeconfig and returns its path.
func (t *testbed) writeKubeconfig() (string, error) {
	ca, err := pki.Open(pkiDir)
	if err != nil {
		return "", err
	}
	content, err := ca.Kubeconfig(serverURL, adminSubject.File, "kind-testbed", "prod-testbed")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(t.checkout, ".testbed")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make folder for the kubeconfig: %w", err)
	}
	path := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return "", fmt.Errorf("write the kubeconfig: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return "", fmt.Errorf("write the kubeconfig: %w", err)
	}
	return path, nil
}
