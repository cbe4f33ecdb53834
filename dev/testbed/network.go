package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/envflow/envflow/dev/testbed/netfilter"
)

// bridge is the interface that connects the pods.
const bridge = "envflow0"

// forwardRules let pods talk to each other and to the outside: Docker drops whatever is forwarded and not its own, and
// packets on a bridge pass the same rules.
var forwardRules = []netfilter.Rule{
	{Table: "filter", Chain: "FORWARD", Spec: []string{"-s", podNetwork, "-d", podNetwork, "-j", "ACCEPT"}},
	{Table: "filter", Chain: "FORWARD", Spec: []string{"-s", podNetwork, "!", "-d", podNetwork, "-j", "ACCEPT"}},
	{Table: "filter", Chain: "FORWARD", Spec: []string{"!", "-s", podNetwork, "-d", podNetwork, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"}},
	{Table: "nat", Chain: "POSTROUTING", Spec: []string{"-s", podNetwork, "!", "-d", podNetwork, "-j", "MASQUERADE"}},
}

// allowForwarding adds the rules that are missing. Docker sets its policy at every start.
func (t *testbed) allowForwarding(ctx context.Context) error {
	for _, rule := range forwardRules {
		if rule.Present(ctx) {
			continue
		}
		t.say("allow", "iptables %s", rule)
		if err := rule.Insert(ctx); err != nil {
			return err
		}
	}
	return nil
}

func forwardingAllowed(ctx context.Context) error {
	for _, rule := range forwardRules {
		if !rule.Present(ctx) {
			return fmt.Errorf("the rule iptables %s is missing", rule)
		}
	}
	return nil
}

// removeNetwork takes away the rules and interfaces of the cluster.
func removeNetwork(ctx context.Context) error {
	for _, rule := range forwardRules {
		if err := rule.Delete(ctx); err != nil {
			return err
		}
	}
	if err := netfilter.Purge(ctx, []string{"KUBE-", "CNI-"}, []string{bridge}); err != nil {
		return err
	}
	return deleteLinks(ctx, linksNamed(bridge))
}

// removeDockerNetwork takes away the rules and interfaces of the testbed's Docker engine.
func removeDockerNetwork(ctx context.Context) error {
	if err := netfilter.Purge(ctx, []string{"DOCKER"}, []string{"docker0", "br-"}); err != nil {
		return err
	}
	if err := deleteLinks(ctx, linksNamed("docker0", "br-")); err != nil {
		return err
	}
	return restoreForwardPolicy(ctx)
}

func deleteLinks(ctx context.Context, links []string) error {
	for _, link := range links {
		if out, err := exec.CommandContext(ctx, "ip", "link", "delete", link).CombinedOutput(); err != nil {
			return fmt.Errorf("delete interface %s: %w: %s", link, err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// linksNamed returns the bridges whose name is one of the prefixes or, for a prefix ending in a dash, starts with it.
func linksNamed(prefixes ...string) []string {
	links, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var names []string
	for _, link := range links {
		for _, prefix := range prefixes {
			if link.Name == prefix || strings.HasSuffix(prefix, "-") && strings.HasPrefix(link.Name, prefix) {
				names = append(names, link.Name)
			}
		}
	}
	return names
}

// findNodeIP returns the IPv4 address of the interface that the default route goes through, or else of any interface
// that leads outside.
func findNodeIP() (string, error) {
	links, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("find the machine's address: %w", err)
	}
	routed := defaultInterface("/proc/net/route")
	var other string
	for _, link := range links {
		address := globalAddress(link)
		if address == "" {
			continue
		}
		if link.Name == routed {
			return address, nil
		}
		if other == "" && link.Name != bridge && link.Name != "docker0" && !strings.HasPrefix(link.Name, "br-") {
			other = address
		}
	}
	if other == "" {
		return "", errors.New("find the machine's address: no interface but loopback has an IPv4 address; give one an address and try again")
	}
	return other, nil
}

func globalAddress(link net.Interface) string {
	addresses, err := link.Addrs()
	if err != nil || link.Flags&net.FlagUp == 0 {
		return ""
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	return ""
}

// defaultInterface returns the interface of the default route in a file like /proc/net/route, or "".
func defaultInterface(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 7 && fields[1] == "00000000" && fields[7] == "00000000" {
			return fields[0]
		}
	}
	return ""
}
