package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// down stops everything and takes its traces off the machine, except logs, downloads and builds.
func (t *testbed) down(ctx context.Context) error {
	docker := (daemon{name: "dockerd"}).record().Alive() || exists(dockerDir)
	if err := t.stopCluster(ctx); err != nil {
		return err
	}
	for _, name := range []string{"dockerd", "registry"} {
		d, err := t.daemon(name)
		if err != nil {
			return err
		}
		if err := t.end(ctx, d, d.grace, "stop"); err != nil {
			return err
		}
	}
	t.say("remove", "mounts, interfaces, iptables rules and %s", stateDir)
	if docker {
		if err := endEngine(ctx); err != nil {
			return err
		}
	}
	if program("iptables") != "" {
		if err := removeNetwork(ctx); err != nil {
			return err
		}
		if docker {
			if err := removeDockerNetwork(ctx); err != nil {
				return err
			}
		}
	}
	if err := restoreSysctls(); err != nil {
		return err
	}
	if err := t.removeState(); err != nil {
		return err
	}
	t.say("down", "logs stay in %s, downloads and builds in %s", logDir, cacheDir)
	return nil
}

// reset forgets the cluster; the engine and the registry stay.
func (t *testbed) reset(ctx context.Context) error {
	if err := t.stopCluster(ctx); err != nil {
		return err
	}
	for _, dir := range []string{etcdDir, kubeletDir, containerdDir, pkiDir, kubeconfigDir} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove the cluster's state: %w", err)
		}
	}
	t.forgetClient()
	return nil
}

// stopCluster stops the Kubernetes daemons and ends all pods.
func (t *testbed) stopCluster(ctx context.Context) error {
	// The kubelet goes first, so that it does not start what ends; etcd last.
	for _, name := range []string{"kubelet", "kube-proxy", "scheduler", "controller-manager", "apiserver", "containerd", "etcd"} {
		d, err := t.daemon(name)
		if err != nil {
			return err
		}
		if err := t.end(ctx, d, d.grace, "stop"); err != nil {
			return err
		}
	}
	if err := t.endPods(ctx); err != nil {
		return err
	}
	return removeGroups(ctx, "kubepods")
}

// end ends a daemon if it runs, also one that no pid file tells of.
func (t *testbed) end(ctx context.Context, d daemon, grace time.Duration, command string) error {
	r := d.record()
	if !r.Alive() {
		return d.killStrays(ctx)
	}
	t.say(command, "%s, process %d", d.name, r.PID)
	return stopDaemon(ctx, d, grace)
}

// removeState removes everything below stateDir and runDir but the logs and the lock, which is held.
func (t *testbed) removeState() error {
	if err := unmountBelow(stateDir, runDir); err != nil {
		return err
	}
	entries, err := os.ReadDir(stateDir)
	if err != nil {
		return fmt.Errorf("remove the state: %w", err)
	}
	errs := []error{os.RemoveAll(runDir)}
	for _, entry := range entries {
		if !slices.Contains([]string{"logs", "lock", "lock.turn"}, entry.Name()) {
			errs = append(errs, os.RemoveAll(stateDir+"/"+entry.Name()))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the state: %w", err)
	}
	return nil
}
