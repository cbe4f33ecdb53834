package docker_test

import (
	"testing"

	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/plan"
)

func TestContentTag(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{"sha256:0123456789abcdef0123": "tilt-0123456789abcdef", "0123456789abcdef0123": "tilt-0123456789abcdef"} {
		if got := docker.ContentTag(id); got != want {
			t.Errorf("ContentTag(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	plain := plan.Registry{Host: "my.registry"}
	for _, test := range []struct {
		ref           string
		registry      *plan.Registry
		push, cluster string
	}{
		{"app:tilt-1", nil, "app:tilt-1", "app:tilt-1"},
		{"docker.io/library/app", &plan.Registry{}, "app", "app"},
		{"gcr.io/foo/bar:tilt-1", &plain, "my.registry/gcr.io_foo_bar:tilt-1", "my.registry/gcr.io_foo_bar:tilt-1"},
		{"host:5000/bar", &plain, "my.registry/host_5000_bar", "my.registry/host_5000_bar"},
		{"docker.io/library/busybox", &plain, "my.registry/busybox", "my.registry/busybox"},
		{"my.registry/a/b:1", &plain, "my.registry/a/b:1", "my.registry/a/b:1"},
		{"app:1", &plan.Registry{Host: "gcr.io/project"}, "gcr.io/project/app:1", "gcr.io/project/app:1"},
		{"a/b:1", &plan.Registry{Host: "localhost:1234", HostFromCluster: "registry:1234"}, "localhost:1234/a_b:1", "registry:1234/a_b:1"},
		{"localhost:1234/a:1", &plan.Registry{Host: "localhost:1234", HostFromCluster: "registry:1234"}, "localhost:1234/a:1", "registry:1234/a:1"},
		{"a/b:tilt-1", &plan.Registry{Host: "ecr.aws", SingleName: "dev/all"}, "ecr.aws/dev/all:a_b-tilt-1", "ecr.aws/dev/all:a_b-tilt-1"},
	} {
		push, cluster, err := docker.Rename(test.ref, test.registry)
		if err != nil || push != test.push || cluster != test.cluster {
			t.Errorf("Rename(%q, %+v) = %q, %q, %v; want %q, %q", test.ref, test.registry, push, cluster, err, test.push, test.cluster)
		}
	}
	for ref, registry := range map[string]plan.Registry{"Bad Name": plain, "ok": {Host: "not a host"}, "untagged": {Host: "h.io", SingleName: "all"}} {
		if push, _, err := docker.Rename(ref, &registry); err == nil {
			t.Errorf("Rename(%q, %+v) = %q, want an error", ref, registry, push)
		}
	}
}
