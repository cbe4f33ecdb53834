package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envflow/envflow/dev/testbed/netfilter"
	"github.com/envflow/envflow/dev/testbed/proc"
)

// leasesDir holds a file for each pod address that is given out, named after it.
const leasesDir = runDir + "/leases"

// sweep clears away what killed daemons left behind before they are started again. When neither the kubelet nor
// containerd is left, the pods are ended too, as by a restart of the machine: some of their processes may have been
// killed as well, and half a pod keeps an address and a network namespace that nobody gives back.
func (t *testbed) sweep(ctx context.Context) error {
	for _, name := range []string{"kubelet", "containerd"} {
		if (daemon{name: name}).record().Alive() {
			return nil
		}
	}
	if !exists(containerdRunDir) && !exists(leasesDir) {
		return nil
	}
	t.say("clean", "up after pods that were left running or half dead")
	return t.endPods(ctx)
}

// endPods ends every process of every pod and removes their mounts, network namespaces, addresses and port rules. The
// kubelet and containerd must not run.
func (t *testbed) endPods(ctx context.Context) error {
	shims := func(p proc.Process) bool {
		return strings.HasSuffix(p.Args[0], "containerd-shim-runc-v2") && slices.Contains(p.Args, containerdSocket)
	}
	// Shims first: one that sees its container end writes to folders that are removed below.
	if err := endAll(ctx, proc.Find(shims)); err != nil {
		return err
	}
	if err := endAll(ctx, podProcesses()); err != nil {
		return err
	}
	if err := unmountBelow(containerdRunDir, containerdDir, kubeletDir); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(containerdRunDir), os.RemoveAll(leasesDir)); err != nil {
		return fmt.Errorf("remove what pods left: %w", err)
	}
	if program("iptables") == "" {
		return nil
	}
	return netfilter.Purge(ctx, []string{"CNI-"}, nil)
}

// endAll kills processes until none of them is left.
func endAll(ctx context.Context, processes []proc.Process) error {
	for _, p := range processes {
		if err := proc.Stop(ctx, p.Record, 0); err != nil {
			return fmt.Errorf("end process %d (%s): %w", p.PID, p.Args[0], err)
		}
	}
	return nil
}

// podProcesses returns the processes in the kubelet's control groups.
func podProcesses() []proc.Process { return groupProcesses("kubepods") }

// groupProcesses returns the processes in the control groups of that name at the root of a hierarchy, and below.
func groupProcesses(name string) []proc.Process {
	pids := map[int]bool{}
	for _, group := range groups(name) {
		content, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
		if err != nil {
			continue // The group has just gone.
		}
		for field := range strings.FieldsSeq(string(content)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids[pid] = true
			}
		}
	}
	return proc.Find(func(p proc.Process) bool { return pids[p.PID] })
}

// groups returns the control groups of that name at the root of any hierarchy, of either version, and those below them,
// parents before children.
func groups(name string) []string {
	var groups []string
	for _, parent := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		roots, err := filepath.Glob(filepath.Join(parent, name))
		if err != nil {
			continue
		}
		for _, root := range roots {
			// Groups disappear while they are walked; what is gone needs no handling.
			_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					groups = append(groups, path)
				}
				return nil
			})
		}
	}
	return groups
}

// removeGroups removes the control groups of that name, which must be without processes.
func removeGroups(ctx context.Context, name string) error {
	return eventually(ctx, 5*time.Second, func(context.Context) error {
		found := groups(name)
		slices.Reverse(found)
		var errs []error
		for _, group := range found {
			if err := os.Remove(group); err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, fmt.Errorf("remove control group: %w", err))
			}
		}
		return errors.Join(errs...)
	})
}
