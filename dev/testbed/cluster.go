package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"path"
	"strings"
	"text/template"
)

//go:embed manifests
var manifestFiles embed.FS

var manifestTemplates = template.Must(template.ParseFS(manifestFiles, "manifests/*.yaml"))

const (
	coreDNSPath = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
)

// manifest is an object to apply.
type manifest struct {
	path string // in the API
	yaml []byte
}

// manifests returns the objects of the cluster in the order they are applied in, and a digest of all of them.
func (t *testbed) manifests() ([]manifest, string, error) {
	values := t.settings()
	corefile, err := renderManifest("coredns-2-config.yaml", values)
	if err != nil {
		return nil, "", err
	}
	values.CorefileDigest = digestOf(corefile)
	var all []manifest
	sum := sha256.New()
	entries, err := manifestFiles.ReadDir("manifests")
	if err != nil {
		return nil, "", fmt.Errorf("list manifests: %w", err)
	}
	for _, entry := range entries {
		content, err := renderManifest(entry.Name(), values)
		if err != nil {
			return nil, "", err
		}
		sum.Write(content)
		first, _, _ := bytes.Cut(content, []byte("\n"))
		all = append(all, manifest{path: strings.TrimPrefix(string(first), "# "), yaml: content})
	}
	return all, hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func renderManifest(name string, values settings) ([]byte, error) {
	var out bytes.Buffer
	if err := manifestTemplates.ExecuteTemplate(&out, name, values); err != nil {
		return nil, fmt.Errorf("render manifest: %w", err)
	}
	return out.Bytes(), nil
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// applyObjects applies what the cluster needs to be useful, and at last an object that says that all of it is there.
func (t *testbed) applyObjects(ctx context.Context) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	objects, digest, err := t.manifests()
	if err != nil {
		return err
	}
	if t.objectsApplied(ctx) == nil {
		return nil
	}
	t.say("apply", "CoreDNS and the announcement of the registry")
	objects = append(objects, manifest{path: appliedPath, yaml: fmt.Appendf(nil,
		"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n  namespace: kube-system\ndata:\n  digest: %q\n", path.Base(appliedPath), digest)})
	for _, object := range objects {
		// The API server answers before it has made the first namespaces.
		err := eventually(ctx, readyLimit, func(ctx context.Context) error { return client.Apply(ctx, object.path, object.yaml) })
		if err != nil {
			return fmt.Errorf("apply %s: %w", object.path, err)
		}
	}
	return nil
}

const appliedPath = "/api/v1/namespaces/kube-system/configmaps/envflow-testbed"

// objectsApplied returns an error unless the objects of this checkout were applied last, and CoreDNS is meant to run.
func (t *testbed) objectsApplied(ctx context.Context) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	_, digest, err := t.manifests()
	if err != nil {
		return err
	}
	var applied struct{ Data map[string]string }
	if err := client.Get(ctx, appliedPath, &applied); err != nil {
		return err
	}
	if applied.Data["digest"] != digest {
		return errors.New("the cluster has objects of another version of the testbed")
	}
	var coredns struct{ Spec struct{ Replicas int } }
	if err := client.Get(ctx, coreDNSPath, &coredns); err != nil {
		return err
	}
	if coredns.Spec.Replicas == 0 {
		return errors.New("is stopped")
	}
	return nil
}

// nodeReady returns an error unless the node takes pods.
func (t *testbed) nodeReady(ctx context.Context) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
			Addresses  []struct{ Type, Address string }
		}
	}
	if err := client.Get(ctx, "/api/v1/nodes/"+nodeName, &node); err != nil {
		return err
	}
	for _, address := range node.Status.Addresses {
		if address.Type == "InternalIP" && address.Address != t.nodeIP {
			return fmt.Errorf("the node still has the address %s", address.Address)
		}
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" {
			if condition.Status == "True" {
				return nil
			}
			return fmt.Errorf("the node is not ready: %s", condition.Message)
		}
	}
	return errors.New("the node is not ready")
}

// dnsAnswers asks CoreDNS at its service address, as pods do, so that it also covers kube-proxy.
func dnsAnswers(ctx context.Context) error {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(dnsAddress, "53"))
	}}
	if _, err := resolver.LookupHost(ctx, "kubernetes.default.svc.cluster.local."); err != nil {
		var failed *net.DNSError
		if errors.As(err, &failed) {
			return fmt.Errorf("no answer from %s: %s", dnsAddress, failed.Err) // The rest would name the machine's own server.
		}
		return fmt.Errorf("no answer from %s: %w", dnsAddress, err)
	}
	return nil
}
