package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// door is a proxy in front of something that is missing until it opens.
type door struct {
	u             *user
	network, addr string // where it is
	to, toward    string // network and address of what it hides
	mu            sync.Mutex
	listener      net.Listener // nil: closed
	open          map[net.Conn]bool
}

// newDoor returns a closed door: connections to it are refused.
func newDoor(u *user, network, addr, to, toward string) *door {
	d := &door{u: u, network: network, addr: addr, to: to, toward: toward, open: map[net.Conn]bool{}}
	u.t.Cleanup(func() { d.listen(d.carry) }) // tearing down needs what is behind it
	return d
}

// silent makes the door accept connections on which nothing ever comes.
func (d *door) silent() { d.u.t.Helper(); d.listen(func(net.Conn) {}) }

// opens makes it lead through.
func (d *door) opens() { d.u.t.Helper(); d.listen(d.carry) }

func (d *door) listen(then func(net.Conn)) {
	d.u.t.Helper()
	d.closeUp()
	l, err := (&net.ListenConfig{}).Listen(context.WithoutCancel(d.u.t.Context()), d.network, d.addr)
	if err != nil {
		d.u.t.Fatal(err)
	}
	d.mu.Lock()
	d.listener = l
	d.mu.Unlock()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.keep(conn)
			go then(conn)
		}
	}()
}

func (d *door) keep(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[c] = true
}

func (d *door) carry(near net.Conn) {
	defer func() { _ = near.Close() }()
	far, err := (&net.Dialer{}).DialContext(context.WithoutCancel(d.u.t.Context()), d.to, d.toward)
	if err != nil {
		return
	}
	d.keep(far)
	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // ends when either is closed
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		done <- struct{}{}
	}
	go pipe(far, near)
	go pipe(near, far)
	<-done
	<-done
	_ = far.Close()
}

// closeUp cuts every connection and refuses new ones.
func (d *door) closeUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener != nil {
		_ = d.listener.Close()
		d.listener = nil
	}
	for c := range d.open {
		_ = c.Close()
	}
	clear(d.open)
}

// currentContext returns the current context of the kubeconfig, and makes another one current unless that is "".
func (u *user) currentContext(next string) string {
	u.t.Helper()
	config, err := clientcmd.LoadFromFile(u.env["KUBECONFIG"])
	if err != nil {
		u.t.Fatal(err)
	}
	current := config.CurrentContext
	if next != "" {
		config.Contexts[next], config.CurrentContext = config.Contexts[current].DeepCopy(), next
		if err := clientcmd.WriteToFile(*config, u.env["KUBECONFIG"]); err != nil {
			u.t.Fatal(err)
		}
	}
	return current
}

// clusterDoor puts a closed door in front of the API server, where the kubeconfig leads.
func (u *user) clusterDoor() *door {
	u.t.Helper()
	config, err := clientcmd.LoadFromFile(u.env["KUBECONFIG"])
	if err != nil {
		u.t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", u.freePort())
	toward := ""
	for _, cluster := range config.Clusters {
		where, err := url.Parse(cluster.Server)
		if err != nil {
			u.t.Fatal(err)
		}
		toward, where.Host = where.Host, addr
		cluster.Server = where.String()
	}
	if err := clientcmd.WriteToFile(*config, u.env["KUBECONFIG"]); err != nil {
		u.t.Fatal(err)
	}
	return newDoor(u, "tcp", addr, "tcp", toward)
}

// engineDoor puts a closed door in front of the Docker engine, where DOCKER_HOST leads.
func (u *user) engineDoor() *door {
	u.t.Helper()
	socket, ok := strings.CutPrefix(u.env["DOCKER_HOST"], "unix://")
	if !ok {
		u.t.Skip("needs a Docker engine at a unix socket")
	}
	path := filepath.Join(u.t.TempDir(), "d.sock")
	u.env["DOCKER_HOST"] = "unix://" + path
	return newDoor(u, "unix", path, "unix", socket)
}

// What is not configured at all is told before anything is started.
func TestMissing_NotConfigured(t *testing.T) {
	u := newUser(t, 1)
	if u.bed.ProdContext == "" {
		t.Skip("hides the socket of the testbed's engine")
	}
	config := u.env["KUBECONFIG"]
	u.env["KUBECONFIG"] = filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(u.env["KUBECONFIG"], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"up", "-d"}, {"up"}} {
		u.fails(3, []string{"Hint: start one, with kind, k3d, minikube", "KUBECONFIG"}, args...)
	}
	u.env["KUBECONFIG"] = filepath.Join(t.TempDir(), "nowhere")
	u.fails(3, []string{"Hint: start one"}, "up", "-d")

	u.env["KUBECONFIG"] = config
	delete(u.env, "DOCKER_HOST")
	cmd := u.command(t.Context(), "up", "-d")
	cmd.Args = append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /run && exec "$@"`, "sh"}, cmd.Args...)
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip(err)
	}
	cmd.Path = path
	out, _ := cmd.CombinedOutput() // the exit code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(string(out), "no docker engine is configured") || !strings.Contains(string(out), "Hint: install and start Docker") {
		t.Errorf("without a socket: exit code %d\n%s", code, out)
	}
	if got := u.processes(); len(got) > 0 {
		t.Errorf("processes run: %v", got)
	}
}

// A cluster that is configured is waited for, however it fails to answer, and once it does all goes on.
func TestMissing_ClusterIsSilent(t *testing.T) {
	u := newUser(t, 2)
	d := u.clusterDoor()
	u.ok("up", "-d")
	u.resourceIs("svc0", "waiting for the cluster", func(r resource) bool {
		return strings.HasPrefix(r.Reason, "the cluster of context ") && strings.HasSuffix(r.Reason, " does not answer")
	})
	u.contains("status", u.ok("status"), "waiting for the cluster since ")
	u.fails(3, []string{"not ready after 3s", "svc0: waiting for the cluster", "svc1: waiting for the cluster"}, "wait", "--timeout", "3s")
	d.opens()
	u.wait()
	u.served(0, "v0")
	pod := u.pod(0)

	d.silent() // while it runs
	u.edit(0, "v1")
	u.edit(1, "v1")
	d.opens()
	u.served(0, "v1")
	u.served(1, "v1")
	u.wait()
	if now := u.pod(0); now != pod {
		t.Errorf("the pod is another: %s, before %s", now, pod)
	}

	u.ok("pause")
	d.closeUp()
	u.ok("up", "-d")
	u.fails(3, []string{"waiting for the cluster"}, "wait", "--timeout", "8s")
	d.opens()
	u.wait()
	if now := u.pod(0); now != pod {
		t.Errorf("the pod is another: %s, before %s", now, pod)
	}
}

// What needs no engine goes on without one.
func TestMissing_EngineIsSilent(t *testing.T) {
	u := newUser(t, 1)
	u.write("k8s.yaml", u.yaml()+`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: plain}
spec:
  selector: {matchLabels: {app: plain}}
  template:
    metadata: {labels: {app: plain}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: busybox, command: [sleep, "3600"]}]
`)
	d := u.engineDoor()
	u.ok("up", "-d")
	u.wait("plain")
	u.resourceIs("svc0", "waiting for the engine", func(r resource) bool {
		return r.Reason == "the docker engine at "+u.env["DOCKER_HOST"]+" does not answer"
	})
	u.contains("status", u.ok("status"), "waiting for the docker engine since ")
	u.fails(3, []string{"not ready after 3s", "svc0: waiting for the docker engine"}, "wait", "--timeout", "3s")
	d.opens()
	u.wait()
	u.served(0, "v0")
	u.ok("pause")
	d.closeUp()
	u.up() // nothing has to be built
	u.edit(0, "v1")
	u.served(0, "v1")
}
