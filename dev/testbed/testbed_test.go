package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envflow/envflow/dev/testbed/proc"
	"github.com/envflow/envflow/internal/testenv"
)

func TestTestbed_ServesPods(t *testing.T) {
	t.Parallel()
	cluster := testenv.Testbed(t)
	needTestbed(t, cluster)
	ns := newNamespace(t, cluster)
	ns.deploy()

	t.Run("everything is healthy", func(t *testing.T) {
		t.Parallel()
		var out, errOut strings.Builder
		if status := run(t.Context(), []string{"status"}, &out, &errOut); status != 0 || strings.Contains(out.String(), "unhealthy") {
			t.Errorf("status %d\n%s%s", status, out.String(), errOut.String())
		}
	})
	t.Run("a pod reaches another by address, ClusterIP and name", func(t *testing.T) {
		t.Parallel()
		ns.reachAll(t)
	})
	t.Run("exec runs a command", func(t *testing.T) {
		t.Parallel()
		if got := ns.kubectl(t, "exec", "client", "--", "sh", "-c", "echo $((6*7))"); got != "42\n" {
			t.Errorf("exec printed %q", got)
		}
	})
	t.Run("logs are read", func(t *testing.T) {
		t.Parallel()
		testenv.Eventually(t, 10*time.Second, "log line", func() error {
			if got := ns.kubectl(t, "logs", "client"); got != "client is up\n" {
				return fmt.Errorf("logs are %q", got)
			}
			return nil
		})
	})
	t.Run("a port is forwarded", func(t *testing.T) {
		t.Parallel()
		ns.forward(t)
	})
	t.Run("the image without a shell has none", func(t *testing.T) {
		t.Parallel()
		if out, err := ns.try(t, "exec", "web", "-c", "noshell", "--", "sh"); err == nil {
			t.Errorf("sh ran in it: %s", out)
		}
	})
	t.Run("an image is pushed to the registry and pulled by the node", func(t *testing.T) {
		t.Parallel()
		pushAndPull(t, cluster, ns)
	})
	t.Run("the engine pulls a public name through the mirror", func(t *testing.T) {
		t.Parallel()
		if out := engineCall(t, "/images/create?fromImage=busybox&tag=latest"); !strings.Contains(out, "Status: ") {
			t.Errorf("pull answered %s", out)
		}
	})
	t.Run("the registry is announced to tools", func(t *testing.T) {
		t.Parallel()
		got := ns.kubectl(t, "get", "configmap", "local-registry-hosting", "-n", "kube-public", "-o", "jsonpath={.data}")
		if !strings.Contains(got, cluster.Registry) {
			t.Errorf("local-registry-hosting is %s", got)
		}
	})
}

func TestTestbed_SurvivesARestartOfDocker(t *testing.T) {
	cluster := testenv.TestbedExclusive(t)
	ns := newNamespace(t, &cluster.Cluster)
	ns.deploy()
	cluster.Restart("dockerd")
	ns.reachAll(t)
}

// A later run of CI: every process of the earlier one was killed, and the checkout is a new clone in another folder.
func TestTestbed_IsRepairedFromAnotherCheckout(t *testing.T) {
	cluster := testenv.TestbedExclusive(t)
	ns := newNamespace(t, &cluster.Cluster)
	ns.deploy()
	clone := cloneWorkingTree(t)
	killEverything(t)

	began := time.Now()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./dev/testbed")
	if makefile, err := os.ReadFile(filepath.Join(clone, "Makefile")); err == nil && bytes.Contains(makefile, []byte("\ntestbed:")) {
		cmd = exec.CommandContext(t.Context(), "make", "-s", "testbed")
	}
	cmd.Dir = clone
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	took := time.Since(began)
	t.Logf("%v took %.1f s:\n%s", cmd.Args, took.Seconds(), out)
	if took > time.Minute {
		t.Errorf("the repair took %s, more than a minute", took)
	}
	fromClone := *ns
	fromClone.kubeconfig = filepath.Join(clone, ".testbed", "kubeconfig")
	if info, err := os.Stat(fromClone.kubeconfig); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("kubeconfig of the clone: %v, %v", info, err)
	}
	fromClone.reachAll(t) // The pods of before, which were started again.
}

// needTestbed skips the test on a cluster that is not the testbed.
func needTestbed(t *testing.T, c *testenv.Cluster) {
	t.Helper()
	if c.DockerHost == "" {
		t.Skip("this tests the testbed, and another cluster is offered; it did not run")
	}
}

// namespace is one of the test's own, gone when it ends.
type namespace struct {
	t          *testing.T
	name       string
	kubeconfig string
	program    string // kubectl
}

func newNamespace(t *testing.T, c *testenv.Cluster) *namespace {
	t.Helper()
	bed, err := open(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ns := &namespace{t: t, name: "testbed-" + strings.ToLower(rand.Text()[:8]), kubeconfig: c.Kubeconfig, program: bed.builds.kubernetes}
	ns.kubectl(t, "create", "namespace", ns.name)
	t.Cleanup(func() {
		if out, err := ns.try(t, "delete", "namespace", ns.name, "--wait=false"); err != nil {
			t.Errorf("delete namespace: %v\n%s", err, out)
		}
	})
	return ns
}

// pods are a server behind a Service, one without a shell beside it, and a client.
const pods = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: nginx, image: nginx, ports: [{containerPort: 80}]}
  - {name: noshell, image: distroless}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 8000, targetPort: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: c, image: busybox, command: [sh, -c, "echo client is up; exec sleep 100000"]}
`

func (ns *namespace) deploy() {
	ns.t.Helper()
	file := filepath.Join(ns.t.TempDir(), "pods.yaml")
	if err := os.WriteFile(file, []byte(pods), 0o600); err != nil {
		ns.t.Fatal(err)
	}
	// A new namespace lacks its service account for a moment.
	testenv.Eventually(ns.t, 30*time.Second, "service account", func() error {
		_, err := ns.try(ns.t, "get", "serviceaccount", "default")
		return err
	})
	ns.kubectl(ns.t, "apply", "-f", file)
	ns.kubectl(ns.t, "wait", "--for=condition=Ready", "pod/web", "pod/client", "--timeout=60s")
}

// reachAll fetches the server's page from the client by every way there is.
func (ns *namespace) reachAll(t *testing.T) {
	t.Helper()
	var address string
	testenv.Eventually(t, 60*time.Second, "pods running again", func() error {
		out, err := ns.try(t, "wait", "--for=condition=Ready", "pod/web", "pod/client", "--timeout=1s")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		// After a crash the API server still tells of the old containers; exec works in new ones only.
		if out, err := ns.try(t, "exec", "client", "--", "true"); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		address = ns.kubectl(t, "get", "pod", "web", "-o", "jsonpath={.status.podIP}")
		out, err = ns.try(t, "exec", "client", "--", "wget", "-qO-", "-T", "3", "-t", "1", "http://"+address)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	service := ns.kubectl(t, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
	for _, url := range []string{
		"http://" + address, "http://" + service + ":8000", "http://web:8000", "http://web." + ns.name + ".svc.cluster.local:8000",
	} {
		testenv.Eventually(t, 15*time.Second, "page at "+url, func() error {
			out, err := ns.try(t, "exec", "client", "--", "wget", "-qO-", "-T", "3", "-t", "1", url)
			if err != nil || !strings.Contains(out, "Welcome to nginx!") {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
}

func (ns *namespace) forward(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, ns.program, "kubectl", "--kubeconfig", ns.kubeconfig, "-n", ns.name, "port-forward", "pod/web", ":8080")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // It was killed.
	})
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`127\.0\.0\.1:\d+`).Find(line[:n])
	if found == nil {
		t.Fatalf("port-forward printed %q", line[:n])
	}
	response, err := http.Get("http://" + string(found))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "hello from web\n" {
		t.Errorf("through the forward came %q, %v", body, err)
	}
}

func pushAndPull(t *testing.T, c *testenv.Cluster, ns *namespace) {
	t.Helper()
	repository := c.Registry + "/" + ns.name
	engineCall(t, "/images/localbase:1/tag?repo="+repository+"&tag=1")
	t.Cleanup(func() {
		answer, err := engine(context.WithoutCancel(t.Context()), http.MethodDelete, "/images/"+repository+":1", nil)
		if err != nil {
			t.Error(err)
			return
		}
		answer.Close()
	})
	if out := engineCall(t, "/images/"+repository+"/push?tag=1"); strings.Contains(out, "errorDetail") {
		t.Fatalf("push answered %s", out)
	}
	ns.kubectl(t, "run", "pulled", "--image="+repository+":1", "--image-pull-policy=Always", "--restart=Never", "--", "echo", "pulled")
	ns.kubectl(t, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/pulled", "--timeout=60s")
	if out := ns.kubectl(t, "logs", "pulled"); out != "pulled\n" {
		t.Errorf("the pulled image printed %q", out)
	}
}

// engineCall posts to the Docker engine and returns the whole answer.
func engineCall(t *testing.T, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://docker"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Registry-Auth", "e30=") // an empty JSON object: no credentials
	response, err := engineClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		t.Fatalf("engine answered %s to %s: %s %v", response.Status, path, answer, err)
	}
	return string(answer)
}

// cloneWorkingTree copies what git knows of the checkout, committed or not, to a folder of its own.
func cloneWorkingTree(t *testing.T) string {
	t.Helper()
	root, clone := testenv.Root(t), t.TempDir()
	copyAll := exec.CommandContext(t.Context(), "sh", "-c",
		`git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do if [ -e "$f" ]; then printf "%s\0" "$f"; fi; done' sh | tar -c --null -T - | tar -x -C "$0"`, clone)
	copyAll.Dir = root
	if out, err := copyAll.CombinedOutput(); err != nil {
		t.Fatalf("copy the checkout: %v\n%s", err, out)
	}
	return clone
}

// killEverything kills every daemon of the testbed, and whatever they started: shims, containers, the engine's own
// containerd.
func killEverything(t *testing.T) {
	t.Helper()
	bed, err := open(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	running := 0
	for _, d := range bed.daemons {
		running += len(d.strays())
	}
	if running != len(bed.daemons) {
		t.Errorf("%d daemons run, want %d", running, len(bed.daemons))
	}
	ours := proc.Find(func(p proc.Process) bool {
		return slices.ContainsFunc(p.Environment(), func(variable string) bool { return strings.HasPrefix(variable, marker) }) ||
			slices.ContainsFunc(p.Args, func(arg string) bool { return strings.HasPrefix(arg, runDir) })
	})
	if err := endAll(t.Context(), slices.Concat(ours, podProcesses())); err != nil {
		t.Fatal(err)
	}
}

func (ns *namespace) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := ns.try(t, args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// try runs kubectl in the namespace and returns its output, or what it says went wrong. It also works while the test is
// being cleaned up.
func (ns *namespace) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, ns.program, append([]string{"kubectl", "--kubeconfig", ns.kubeconfig, "-n", ns.name}, args...)...)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return problem.String(), fmt.Errorf("kubectl %s: %w", args[0], err)
	}
	return string(out), nil
}
