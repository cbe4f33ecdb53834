package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/dev/testbed/pki"
)

func TestServerSubjects_NameWhatClientsCall(t *testing.T) {
	t.Parallel()
	ca, err := pki.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wants := map[string][]string{
		"apiserver": {
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
			"localhost", "127.0.0.1", "10.96.0.1", "192.0.2.7",
		},
		"kubelet-server": {"testbed", "192.0.2.7"},
		"etcd":           {"127.0.0.1"},
	}
	for _, subject := range serverSubjects("192.0.2.7") {
		pair, err := ca.Issue(subject)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range wants[subject.File] {
			if err := pair.Leaf.VerifyHostname(name); err != nil {
				t.Errorf("%s: %v", subject.File, err)
			}
		}
		delete(wants, subject.File)
	}
	if len(wants) > 0 {
		t.Errorf("no certificates for %v", wants)
	}
}

func TestRenderedFiles_HaveNoGaps(t *testing.T) {
	t.Parallel()
	bed := &testbed{nodeIP: "192.0.2.7"}
	for _, parsed := range configTemplates.Templates() {
		content, err := bed.renderConfig(parsed.Name())
		if err != nil || strings.Contains(string(content), "<no value>") {
			t.Errorf("%s: %v\n%s", parsed.Name(), err, content)
		}
	}
	objects, digest, err := bed.manifests()
	if err != nil || digest == "" {
		t.Fatal(err)
	}
	for _, object := range objects {
		if !strings.HasPrefix(object.path, "/api") || !strings.Contains(string(object.yaml), "name: "+filepath.Base(object.path)) && !strings.Contains(string(object.yaml), `name: "`+filepath.Base(object.path)+`"`) {
			t.Errorf("path %s does not belong to\n%s", object.path, object.yaml)
		}
	}
}

func TestSpec_FollowsTheNodesAddress(t *testing.T) {
	t.Parallel()
	specs := map[string]bool{}
	for _, address := range []string{"192.0.2.7", "192.0.2.8", "192.0.2.7"} {
		bed := &testbed{nodeIP: address}
		if err := bed.describeDaemons(); err != nil {
			t.Fatal(err)
		}
		d, err := bed.daemon("apiserver")
		if err != nil {
			t.Fatal(err)
		}
		spec, err := bed.spec(d)
		if err != nil {
			t.Fatal(err)
		}
		specs[spec] = true
	}
	if len(specs) != 2 {
		t.Errorf("%d specs for two addresses", len(specs))
	}
}

func TestDaemon_IsAUsageErrorForAnUnknownName(t *testing.T) {
	t.Parallel()
	bed := &testbed{}
	if err := bed.describeDaemons(); err != nil {
		t.Fatal(err)
	}
	if _, err := bed.daemon("nosuch"); !errors.Is(err, errUsage) {
		t.Errorf("daemon = %v, want a usage error", err)
	}
}

func TestSmallParsers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(content string) string {
		path := filepath.Join(dir, digestOf([]byte(content)))
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("name servers on loopback are left out", func(t *testing.T) {
		t.Parallel()
		got := nameservers(file("# c\nsearch x\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver 192.0.2.53\nnameserver ::1\n"))
		if !slices.Equal(got, []string{"192.0.2.53"}) {
			t.Errorf("nameservers = %v", got)
		}
	})
	t.Run("the default route names the interface", func(t *testing.T) {
		t.Parallel()
		got := defaultInterface(file("Iface Destination Gateway Flags RefCnt Use Metric Mask MTU\neth0 00020AC0 00000000 0001 0 0 0 00FFFFFF 0\neth1 00000000 010200C0 0003 0 0 0 00000000 0\n"))
		if got != "eth1" {
			t.Errorf("defaultInterface = %q", got)
		}
	})
	t.Run("libraries are those that packages depend on", func(t *testing.T) {
		t.Parallel()
		got := libraries("wget\n  Depends: libc6\n PreDepends: libgnutls30\n |Depends: debconf\n  Depends: zlib1g\n  Depends: <libvirtual>\nlibc6\n")
		if !slices.Equal(got, []string{"libc6", "libgnutls30", "zlib1g"}) {
			t.Errorf("libraries = %v", got)
		}
	})
	t.Run("mount points are unescaped", func(t *testing.T) {
		t.Parallel()
		got := mountPoints("1 2 0:1 / / rw shared:1 - ext4 /dev/x rw\n2 1 0:2 / /a\\040b rw - tmpfs t rw\n")
		if !slices.Equal(got, []string{"/", "/a b"}) {
			t.Errorf("mountPoints = %v", got)
		}
	})
	t.Run("capabilities are read as a mask", func(t *testing.T) {
		t.Parallel()
		if got := effective("Name:\tx\nCapEff:\t0000000000201000\n"); got != 1<<capSysAdmin|1<<capNetAdmin {
			t.Errorf("effective = %x", got)
		}
	})
	t.Run("a higher setting is kept", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			value, want string
			ok          bool
		}{{"128", "8192", false}, {"8192", "8192", true}, {"9000", "8192", true}, {"", "1", false}} {
			if got := atLeast(c.value, c.want); got != c.ok {
				t.Errorf("atLeast(%q, %q) = %v", c.value, c.want, got)
			}
		}
	})
	t.Run("kubelets are known by any name", func(t *testing.T) {
		t.Parallel()
		for line, want := range map[string]bool{
			"/usr/bin/kubelet --config=x": true, "/usr/local/bin/k3s server": true, "kubernetes-abc kubelet": true, "hyperkube kubelet": true, "kubectl kubelet": false,
			"vim kubelet": false, "/usr/bin/containerd": false,
		} {
			if got := isKubelet(strings.Fields(line)); got != want {
				t.Errorf("isKubelet(%q) = %v", line, got)
			}
		}
	})
	t.Run("package folders have no escapes", func(t *testing.T) {
		t.Parallel()
		if got := debFolder("/x/busybox_1%3a1.35.0-4_amd64.deb"); got != "busybox_1-1.35.0-4_amd64" {
			t.Errorf("debFolder = %q", got)
		}
	})
	t.Run("the version comes from go.mod", func(t *testing.T) {
		t.Parallel()
		got, err := requiredVersion(file("module x\n\nrequire (\n\tk8s.io/kubectl v0.0.0\n\tk8s.io/kubernetes v1.34.4\n)\n"), "k8s.io/kubernetes")
		if err != nil || got != "v1.34.4" {
			t.Errorf("requiredVersion = %q, %v", got, err)
		}
	})
}

func TestRun_ExplainsACommandLineThatMakesNoSense(t *testing.T) {
	t.Parallel()
	var out, errOut strings.Builder
	if status := run(t.Context(), []string{"help"}, &out, &errOut); status != 0 || !strings.Contains(out.String(), "apiserver etcd") {
		t.Errorf("help: status %d\n%s", status, out.String())
	}
	if os.Getuid() != 0 {
		t.Skip("everything else needs root")
	}
	for _, args := range [][]string{{"nosuch"}, {"kill"}, {"kill", "nosuch"}, {"up", "x"}, {"status", "nosuch"}, {"status", "a", "b"}} {
		errOut.Reset()
		if status := run(t.Context(), args, &out, &errOut); status != exitUsage || !strings.Contains(errOut.String(), "usage:") {
			t.Errorf("%v: status %d\n%s", args, status, errOut.String())
		}
	}
}
