package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// service is one of a project: an image from its folder, a Deployment, a Service and a port-forward, all by its name. It
// serves <name>/web, which a live update syncs.
type service struct {
	name, image string
	port        int // local port that is forwarded to it

	// What generate fills in and a test may change before write.
	dockerfile string
	build      string // further arguments of docker_build
	resource   string // further arguments of k8s_resource
}

// generate writes the project of n services svc0, svc1, ... as the benchmark's generator does.
func (u *user) generate(n int) { u.t.Helper(); u.generateNamed("svc", n) }

func (u *user) generateNamed(base string, n int) {
	u.t.Helper()
	for i := range n {
		name := fmt.Sprintf("%s%d", base, i)
		u.service = append(u.service, service{
			name: name, image: u.prefix + "-" + name, port: u.freePort(),
			dockerfile: "FROM localbase:1\nCOPY web /www\nCMD [\"/bin/httpd\",\"-f\",\"-p\",\"8080\",\"-h\",\"/www\"]\n",
			build:      fmt.Sprintf("live_update=[sync('%s/web', '/www')]", name),
		})
		u.edit(i, "v0")
	}
	u.writeProject()
}

// writeProject writes Tiltfile, YAML and Dockerfiles as u.service says.
func (u *user) writeProject() {
	u.t.Helper()
	for _, s := range u.service {
		u.write(s.name+"/Dockerfile", s.dockerfile)
	}
	u.write("k8s.yaml", u.yaml())
	u.write("Tiltfile", u.tiltfile())
}

func (u *user) tiltfile() string {
	lines := []string{
		"allow_k8s_contexts(k8s_context())", fmt.Sprintf("default_registry('%s')", u.bed.Registry),
		"update_settings(max_parallel_updates=4)", "k8s_yaml('k8s.yaml')",
	}
	for _, s := range u.service {
		lines = append(lines,
			fmt.Sprintf("docker_build('%s', '%s'%s)", s.image, s.name, more(s.build)),
			fmt.Sprintf("k8s_resource('%s', port_forwards='%d:8080'%s)", s.name, s.port, more(s.resource)))
	}
	return strings.Join(lines, "\n") + "\n"
}

func more(args string) string {
	if args == "" {
		return ""
	}
	return ", " + args
}

func (u *user) yaml() string {
	docs := make([]string, 0, len(u.service))
	for _, s := range u.service {
		docs = append(docs, s.yaml())
	}
	return strings.Join(docs, "---\n")
}

func (s service) yaml() string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: %[2]s, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {selector: {app: %[1]s}, ports: [{port: 80, targetPort: 8080}]}
`, s.name, s.image)
}

// write writes a file of the project, by its path from there, as an editor does: whole, at once.
func (u *user) write(path, content string) {
	u.t.Helper()
	path = filepath.Join(u.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path+"~", []byte(content), 0o600); err != nil {
		u.t.Fatal(err)
	}
	if err := os.Chmod(path+"~", 0o644); err != nil { // what a checkout has: containers read it as others
		u.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		u.t.Fatal(err)
	}
}

// remove deletes a file or folder of the project.
func (u *user) remove(path string) {
	u.t.Helper()
	if err := os.RemoveAll(filepath.Join(u.dir, path)); err != nil {
		u.t.Fatal(err)
	}
}

// edit changes what service i serves.
func (u *user) edit(i int, content string) {
	u.t.Helper()
	u.write(u.service[i].name+"/web/index.html", content+"\n")
}

// served waits until service i serves the content.
func (u *user) served(i int, content string) {
	u.t.Helper()
	u.eventually(fmt.Sprintf("%s serves %q", u.service[i].name, content), func() error {
		got, err := u.get(i, "/")
		if err == nil && got != content+"\n" {
			err = fmt.Errorf("it serves %q", got)
		}
		return err
	})
}

// get asks service i by its port-forward.
func (u *user) get(i int, path string) (string, error) {
	return get(u.t.Context(), u.service[i].port, path)
}

// get asks once, on a connection of its own.
func get(ctx context.Context, port int, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), http.NoBody)
	if err != nil {
		return "", err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return string(body), err
}

// pods returns the pods of service i, without those that end.
func (u *user) pods(i int) []corev1.Pod { u.t.Helper(); return u.podsOf(u.service[i].name) }

func (u *user) podsOf(name string) []corev1.Pod {
	u.t.Helper()
	list, err := u.kube.CoreV1().Pods(u.ns).List(u.t.Context(), metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil {
		u.t.Fatal(err)
	}
	var pods []corev1.Pod
	for _, p := range list.Items {
		if p.DeletionTimestamp == nil {
			pods = append(pods, p)
		}
	}
	return pods
}

// pod returns the UID of the one pod of service i.
func (u *user) pod(i int) string {
	u.t.Helper()
	pods := u.pods(i)
	if len(pods) != 1 {
		u.t.Fatalf("%s has %d pods, want 1: %v", u.service[i].name, len(pods), pods)
	}
	return string(pods[0].UID)
}

// nextPort is where the search for free ports goes on. It begins below the ports that the system hands out.
var nextPort atomic.Int32

// freePort returns a local port that nobody listens on, and that no other test of this process gets.
func (u *user) freePort() int {
	u.t.Helper()
	const first, count = 20000, 10000
	nextPort.CompareAndSwap(0, int32(os.Getpid()%100*100))
	for range count {
		port := first + int(nextPort.Add(1))%count
		l, err := (&net.ListenConfig{}).Listen(u.t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port
	}
	u.t.Fatal("there is no free port")
	return 0
}
