package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/envflow/envflow/dev/testbed/netfilter"
	"github.com/envflow/envflow/dev/testbed/proc"
)

// hostFile remembers what the machine was like before, for `down`.
const hostFile = stateDir + "/host.json"

// host is what `down` puts back.
type host struct {
	Sysctls       map[string]string `json:"sysctls"`
	ForwardPolicy string            `json:"forwardPolicy"`
}

// sysctls are the kernel settings the testbed needs; a number that is higher already is left alone.
var sysctls = []struct{ name, value string }{
	{"net.ipv4.ip_forward", "1"},
	{"net.bridge.bridge-nf-call-iptables", "1"},
	// With the default of 128, log streaming fails at some 90 pods with "too many open files".
	{"fs.inotify.max_user_instances", "8192"},
	{"fs.inotify.max_user_watches", "524288"},
	// The kubelet sets these without a word when they are not set.
	{"vm.overcommit_memory", "1"},
	{"kernel.panic", "10"},
	{"kernel.panic_on_oops", "1"},
	{"kernel.keys.root_maxkeys", "1000000"},
	{"kernel.keys.root_maxbytes", "25000000"},
}

// prepareHost sets what the kernel must allow.
func (t *testbed) prepareHost(ctx context.Context) error {
	before, err := readHost()
	if err != nil {
		return err
	}
	if before.ForwardPolicy == "" {
		if before.ForwardPolicy, err = netfilter.ForwardPolicy(ctx); err != nil {
			return err
		}
	}
	if !exists(sysctlPath("net.bridge.bridge-nf-call-iptables")) {
		t.say("load", "the kernel module br_netfilter")
		if out, err := exec.CommandContext(ctx, "modprobe", "br_netfilter").CombinedOutput(); err != nil {
			return fmt.Errorf("load the kernel module br_netfilter: %w: %s", err, out)
		}
	}
	for _, s := range sysctls {
		old, err := os.ReadFile(sysctlPath(s.name))
		if err != nil {
			return fmt.Errorf("read kernel setting: %w", err)
		}
		if was := strings.TrimSpace(string(old)); !atLeast(was, s.value) {
			t.say("set", "%s to %s (was %s)", s.name, s.value, was)
			if _, known := before.Sysctls[s.name]; !known {
				before.Sysctls[s.name] = was
			}
			// Remembered first: a setting changed and not remembered would stay for good.
			if err := before.write(); err != nil {
				return err
			}
			if err := os.WriteFile(sysctlPath(s.name), []byte(s.value), 0); err != nil {
				return fmt.Errorf("change kernel setting: %w", err)
			}
		}
	}
	if err := before.write(); err != nil {
		return err
	}
	return t.shareMounts()
}

// restoreSysctls puts back the kernel settings that prepareHost changed.
func restoreSysctls() error {
	before, err := readHost()
	if err != nil {
		return err
	}
	for _, s := range sysctls {
		if was, changed := before.Sysctls[s.name]; changed {
			if err := os.WriteFile(sysctlPath(s.name), []byte(was), 0); err != nil {
				return fmt.Errorf("put back kernel setting: %w", err)
			}
		}
	}
	return nil
}

// restoreForwardPolicy puts back the policy of the FORWARD chain, which Docker changed.
func restoreForwardPolicy(ctx context.Context) error {
	before, err := readHost()
	if err != nil || before.ForwardPolicy == "" {
		return err
	}
	return netfilter.SetForwardPolicy(ctx, before.ForwardPolicy)
}

func readHost() (host, error) {
	h := host{Sysctls: map[string]string{}}
	content, err := os.ReadFile(hostFile)
	if errors.Is(err, os.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("read what the machine was like: %w", err)
	}
	if err := json.Unmarshal(content, &h); err != nil {
		return h, fmt.Errorf("read what the machine was like from %s: %w", hostFile, err)
	}
	return h, nil
}

func (h host) write() error {
	content, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode what the machine was like: %w", err)
	}
	if err := os.WriteFile(hostFile, content, 0o600); err != nil {
		return fmt.Errorf("write what the machine was like: %w", err)
	}
	return nil
}

func sysctlPath(name string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
}

// atLeast reports whether a setting has the wanted value, or as a number is above it.
func atLeast(value, want string) bool {
	have, err := strconv.Atoi(value)
	wanted, wantErr := strconv.Atoi(want)
	return value == want || err == nil && wantErr == nil && have >= wanted
}

// refuseForeign returns an error if the machine cannot or should not run the testbed.
func (t *testbed) refuseForeign(context.Context) error {
	if err := requireAdmin(); err != nil {
		return err
	}
	others := proc.Find(func(p proc.Process) bool {
		if !isKubelet(p.Args) || !p.SharesNetwork() {
			return false
		}
		for _, variable := range p.Environment() {
			if strings.HasPrefix(variable, marker) {
				return false
			}
		}
		return true
	})
	if len(others) > 0 {
		return fmt.Errorf("%w: a kubelet that it did not start runs here (process %d); set ENVFLOW_TEST_CONTEXT to a kube context of that cluster", errCannotRun, others[0].PID)
	}
	return nil
}

// isKubelet reports whether a command line is that of a kubelet, or of a distribution that has one inside.
func isKubelet(args []string) bool {
	switch filepath.Base(args[0]) {
	case "kubelet", "k3s", "k3s-server", "k0s":
		return true
	}
	return len(args) > 1 && args[1] == "kubelet" && (strings.HasPrefix(filepath.Base(args[0]), "kubernetes") || filepath.Base(args[0]) == "hyperkube")
}

// requireAdmin returns an error unless the process may mount and change the network, which root in an ordinary container
// may not.
func requireAdmin() error {
	content, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("read the capabilities of root: %w", err)
	}
	if needed := uint64(1<<capNetAdmin | 1<<capSysAdmin); effective(string(content))&needed != needed {
		return fmt.Errorf("%w: root lacks the capabilities NET_ADMIN and SYS_ADMIN here; run it on a virtual machine or in a privileged container", errCannotRun)
	}
	return nil
}

// Numbers of capabilities, from linux/capability.h.
const (
	capNetAdmin = 12
	capSysAdmin = 21
)

// effective reads the effective capabilities from the text of /proc/<pid>/status.
func effective(status string) uint64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "CapEff:"); ok {
			capabilities, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err != nil {
				return 0
			}
			return capabilities
		}
	}
	return 0
}
