package kube_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/testenv"
)

func TestCluster_AnswersOnTheTestbed(t *testing.T) {
	b := newBed(t)
	if err := b.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if platform, err := b.Platform(t.Context()); err != nil || platform != "linux/"+runtime.GOARCH {
		t.Errorf("platform %q, %v", platform, err)
	}
	registry, err := b.LocalRegistry(t.Context())
	if want := testenv.Testbed(t).Registry; want != "" && (err != nil || registry == nil || registry.Host != want) {
		t.Errorf("registry %v, %v, want %s", registry, err, want)
	}
	if b.Namespace() != b.namespace || b.Target().Namespace != b.namespace {
		t.Errorf("namespace %s", b.Namespace())
	}
	b.Redial()
	if err := b.Ping(t.Context()); err != nil {
		t.Errorf("after Redial: %v", err)
	}
}

// changed returns the testbed, as a copy of its kubeconfig with changes says.
func changed(t *testing.T, change func(cluster, user map[string]any)) *kube.Cluster {
	t.Helper()
	testbed := testenv.Testbed(t)
	data, err := os.ReadFile(testbed.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		APIVersion string           `json:"apiVersion"`
		Kind       string           `json:"kind"`
		Clusters   []map[string]any `json:"clusters"`
		Users      []map[string]any `json:"users"`
		Contexts   []any            `json:"contexts"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	change(config.Clusters[0]["cluster"].(map[string]any), config.Users[0]["user"].(map[string]any))
	if data, err = yaml.Marshal(config); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := kube.Load(kube.Config{Path: path, Context: testbed.Context})
	if err != nil {
		t.Fatal(err)
	}
	return kube.Connect(target)
}

func TestCluster_IsMissingWhenItDoesNotAnswer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	c := changed(t, func(cluster, _ map[string]any) { cluster["server"] = "https://" + address })
	injected, err := kube.Inject(objects(t, settings), kube.Injection{Environment: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	records := []kube.Applied{{APIVersion: "v1", Kind: "ConfigMap", Namespace: "default", Name: "settings"}}
	for name, call := range map[string]func() error{
		"Ping": func() error { return c.Ping(t.Context()) },
		"Apply": func() error {
			result, err := c.Apply(t.Context(), kube.ApplyRequest{Environment: "dev", Objects: injected, Known: records})
			if len(result.Objects) != 1 {
				t.Errorf("records %v, want the known one", result.Objects)
			}
			return err
		},
		"Delete": func() error {
			return c.Delete(t.Context(), kube.DeleteRequest{Environment: "dev", Objects: records})
		},
		"FindLabelled":  func() error { _, err := c.FindLabelled(t.Context(), "dev", nil); return err },
		"LocalRegistry": func() error { _, err := c.LocalRegistry(t.Context()); return err },
		"Platform":      func() error { _, err := c.Platform(t.Context()); return err },
	} {
		start := time.Now()
		if f := failure.Of(call()); f.Class != failure.Infrastructure || f.Needs != failure.Cluster || !strings.Contains(f.Summary, "does not answer") {
			t.Errorf("%s: %+v", name, f)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

// A connection that is taken and never answered.
func TestCluster_PingEndsInTime(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := changed(t, func(cluster, _ map[string]any) { cluster["server"] = "https://" + listener.Addr().String() })
	start := time.Now()
	if f := failure.Of(c.Ping(t.Context())); f.Class != failure.Infrastructure {
		t.Errorf("%+v", f)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestCluster_NamesAMissingRight(t *testing.T) {
	t.Parallel()
	c := changed(t, func(_, user map[string]any) { user["as"] = "somebody" })
	if platform, err := c.Platform(t.Context()); platform != "" || err != nil {
		t.Errorf("platform %q, %v", platform, err)
	}
	if registry, err := c.LocalRegistry(t.Context()); registry != nil || err != nil {
		t.Errorf("registry %v, %v", registry, err)
	}
	if found, err := c.FindLabelled(t.Context(), "dev", nil); len(found) != 0 || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	injected, err := kube.Inject(objects(t, settings), kube.Injection{Environment: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Apply(t.Context(), kube.ApplyRequest{Environment: "dev", Objects: injected})
	wantUserError(t, err, "ConfigMap/settings: no right to get configmaps in namespace default")
}

func TestCluster_AsksForALoginWhenCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	c := changed(t, func(_, user map[string]any) {
		clear(user)
		user["token"] = "expired"
	})
	_, err := c.Platform(t.Context())
	if f := failure.Of(err); f.Class != failure.Infrastructure || !strings.Contains(f.Summary, "log in") {
		t.Errorf("%+v", f)
	}
}
