package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

//go:embed config
var configFiles embed.FS

var configTemplates = template.Must(template.ParseFS(configFiles, "config/*"))

// configPlaces says where a configuration file goes, below configDir, when not under its own name.
var configPlaces = map[string]string{
	"10-bridge.conflist": "cni/10-bridge.conflist",
	"hosts.toml":         "registries/docker.io/hosts.toml",
}

// settings are the values in the configuration files and manifests.
type settings struct {
	RegistryDir, DockerDir, DockerRunDir, DockerSocket, RegistryHost string
	ContainerdDir, ContainerdRunDir, ContainerdSocket, PauseImage    string
	CNIPlugins, ConfigDir, LeasesDir, Bridge                         string
	PKIDir, KubeconfigDir, DNSAddress, NodeName, PodNetwork          string
	CoreDNSImage, CorefileDigest                                     string
	Nameservers                                                      []string // of the machine, for pods
}

func (t *testbed) settings() settings {
	return settings{
		RegistryDir: registryDir, DockerDir: dockerDir, DockerRunDir: dockerRunDir, DockerSocket: dockerSocket, RegistryHost: registryHost,
		ContainerdDir: containerdDir, ContainerdRunDir: containerdRunDir, ContainerdSocket: containerdSocket, PauseImage: pauseImage,
		CNIPlugins: packaged("containernetworking-plugins", "usr/lib/cni"), ConfigDir: configDir, LeasesDir: leasesDir, Bridge: bridge,
		PKIDir: pkiDir, KubeconfigDir: kubeconfigDir, DNSAddress: dnsAddress, NodeName: nodeName, PodNetwork: podNetwork,
		CoreDNSImage: t.coreDNSImage(), Nameservers: nameservers("/etc/resolv.conf"),
	}
}

func (t *testbed) renderConfig(name string) ([]byte, error) {
	var out bytes.Buffer
	if err := configTemplates.ExecuteTemplate(&out, name, t.settings()); err != nil {
		return nil, fmt.Errorf("render configuration: %w", err)
	}
	return out.Bytes(), nil
}

// writeConfigs writes the configuration files of all daemons.
func (t *testbed) writeConfigs(context.Context) error {
	for _, parsed := range configTemplates.Templates() {
		name := parsed.Name()
		content, err := t.renderConfig(name)
		if err != nil {
			return err
		}
		place := name
		if other, ok := configPlaces[name]; ok {
			place = other
		}
		path := filepath.Join(configDir, place)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
			continue // kube-proxy ends when its file is written, whatever with.
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
			return fmt.Errorf("write configuration: %w", err)
		}
	}
	return nil
}

// nameservers returns the name servers in a resolv.conf that a pod could reach: a loopback address is another one there.
func nameservers(path string) []string {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var found []string
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if ip := net.ParseIP(fields[1]); ip != nil && !ip.IsLoopback() && !slices.Contains(found, fields[1]) {
			found = append(found, fields[1])
		}
	}
	return found
}
