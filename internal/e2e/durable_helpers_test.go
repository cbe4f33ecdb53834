package e2e_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	sdkclient "go.temporal.io/sdk/client"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/temporalclient"
)

// What tests of durability do: kill processes without a word, hold builds at a gate, and look at what must not change.

// victims are the processes that tests kill.
var victims = []string{"worker", "server", "both"}

// someVictims are those of tests whose cases differ little; all of them in `make test-long`.
func someVictims() []string {
	if long() {
		return victims
	}
	return []string{"both"}
}

// kill ends the worker, the server or both with SIGKILL, and returns when they are gone.
func (u *user) kill(what string) {
	u.t.Helper()
	u.signalTo(os.Kill, what)
	u.eventually(what+" is gone", func() error {
		for pid, line := range u.processes() {
			if u.isVictim(what, line) {
				return fmt.Errorf("process %d is there: %s", pid, line)
			}
		}
		return nil
	})
}

// signalTo sends a signal to the worker, the server or both.
func (u *user) signalTo(s os.Signal, what string) {
	u.t.Helper()
	found := 0
	for pid, line := range u.processes() {
		if !u.isVictim(what, line) {
			continue
		}
		found++
		process, err := os.FindProcess(pid)
		if err == nil {
			err = process.Signal(s)
		}
		if err != nil {
			u.t.Fatalf("%s to process %d (%s): %v", s, pid, line, err)
		}
	}
	if found == 0 {
		u.t.Fatalf("there is no %s to send %s to", what, s)
	}
}

func (*user) isVictim(what, line string) bool {
	isServer := strings.Contains(line, " server run")
	isWorker := strings.Contains(line, " up")
	return isServer && what != "worker" || isWorker && what != "server"
}

// comeBack brings the environment up again after a kill, and waits until it is ready. It tells how long that took.
func (u *user) comeBack(what string) {
	u.t.Helper()
	begun := time.Now()
	u.up()
	u.t.Logf("after kill -9 of %s: ready in %.2f s", what, time.Since(begun).Seconds())
}

// gate holds builds: a RUN step that knocks at it ends when the gate is open.
type gate struct {
	t    *testing.T
	line string // of a Dockerfile

	mu      sync.Mutex
	open    bool
	waiting map[net.Conn]bool
	total   int
}

// newGate returns a gate that is closed.
func newGate(t *testing.T) *gate {
	t.Helper()
	ip := engineHost(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, waiting: map[net.Conn]bool{}, line: fmt.Sprintf("RUN mkfifo /fifo && nc %s %d <>/fifo && echo %s\n", ip, l.Addr().(*net.TCPAddr).Port, rand.Text())} // no cache knows it
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.take(c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); g.let() })
	return g
}

// engineHost is this machine's address as build steps see it.
func engineHost(t *testing.T) string {
	t.Helper()
	i, err := net.InterfaceByName("docker0")
	if err != nil {
		t.Skipf("builds cannot be held without the bridge of a Docker engine on this machine: %v", err)
	}
	addrs, err := i.Addrs()
	if err != nil || len(addrs) == 0 {
		t.Skipf("the bridge of the Docker engine has no address: %v", err)
	}
	return addrs[0].(*net.IPNet).IP.String()
}

func (g *gate) take(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total++
	if g.open {
		_ = c.Close()
		return
	}
	g.waiting[c] = true
	go func() { // it gets an answer when the step is killed
		_, _ = c.Read(make([]byte, 1))
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.waiting, c)
		_ = c.Close()
	}()
}

// let opens the gate for good.
func (g *gate) let() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
	for c := range g.waiting {
		_ = c.Close()
		delete(g.waiting, c)
	}
}

// knocks is how often a build has come here.
func (g *gate) knocks() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total
}

// held is how many builds stand here now.
func (g *gate) held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// holds waits until n builds stand at the gate.
func (u *user) holds(g *gate, n int) {
	u.t.Helper()
	u.eventually(fmt.Sprintf("%d builds are held", n), func() error {
		if got := g.held(); got != n {
			return fmt.Errorf("there are %d", got)
		}
		return nil
	})
}

// gated lets the builds of service i stop at the gate. The project has to be written again.
func (u *user) gated(i int, g *gate) {
	u.service[i].dockerfile = "FROM localbase:1\n" + g.line + "COPY web /www\nCMD [\"/bin/httpd\",\"-f\",\"-p\",\"8080\",\"-h\",\"/www\"]\n"
}

// logged waits until the log of the environment has one of the texts, and returns at once then.
func (u *user) logged(texts ...string) {
	u.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !u.logFilesHave(texts) {
		if time.Now().After(deadline) {
			u.t.Fatalf("the log lacks %q", texts)
		}
		<-tick.C
	}
}

func (u *user) logFilesHave(texts []string) bool {
	files, _ := filepath.Glob(filepath.Join(u.state, "*", "log", "*.jsonl")) // the pattern is fine
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err == nil && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(string(data), text) }) {
			return true
		}
	}
	return false
}

// builds is how often a build of service i has begun.
func (u *user) builds(i int) int {
	u.t.Helper()
	return strings.Count(u.ok("logs"), "Building image "+u.service[i].image+"\n")
}

// facts are what must not change when nothing has changed.
type facts map[string]string

// facts are about objects in the cluster, containers, builds, and runs of workflows.
func (u *user) facts() facts {
	u.t.Helper()
	f := u.worldFacts()
	for id, run := range u.runs() {
		f["workflow "+id] = run
	}
	return f
}

// worldFacts are those that hold although the server has a new database.
func (u *user) worldFacts() facts {
	u.t.Helper()
	f := facts{}
	ctx, o := u.t.Context(), metav1.ListOptions{}
	deployments := &appsv1.DeploymentList{}
	u.eventually("the cluster is at rest", func() (err error) {
		if deployments, err = u.kube.AppsV1().Deployments(u.ns).List(ctx, o); err != nil {
			return err
		}
		for _, d := range deployments.Items {
			if s := d.Status; s.ObservedGeneration != d.Generation || s.Replicas != s.AvailableReplicas || s.UpdatedReplicas != s.Replicas {
				return fmt.Errorf("%s is not: %+v", d.Name, s)
			}
		}
		return nil
	})
	for _, d := range deployments.Items {
		f["deployment "+d.Name] = fmt.Sprintf("%s, generation %d, resource version %s", d.UID, d.Generation, d.ResourceVersion)
	}
	services, err := u.kube.CoreV1().Services(u.ns).List(ctx, o)
	if err != nil {
		u.t.Fatal(err)
	}
	for _, s := range services.Items {
		f["service "+s.Name] = fmt.Sprintf("%s, resource version %s", s.UID, s.ResourceVersion)
	}
	pods, err := u.kube.CoreV1().Pods(u.ns).List(ctx, o)
	if err != nil {
		u.t.Fatal(err)
	}
	for _, p := range pods.Items {
		f["pod "+p.Name] = string(p.UID)
		for _, c := range p.Status.ContainerStatuses {
			f["pod "+p.Name] += fmt.Sprintf(", container %s, %d restarts", c.ContainerID, c.RestartCount)
		}
	}
	for i := range u.service {
		f["builds of "+u.service[i].name] = strconv.Itoa(u.builds(i))
	}
	return f
}

// same checks that the facts are still so.
func (u *user) same(when string, before, after facts) {
	u.t.Helper()
	for what, was := range before {
		if is := after[what]; is != was {
			u.t.Errorf("%s: %s is %q, before it was %q", when, what, is, was)
		}
	}
	for what, is := range after {
		if _, ok := before[what]; !ok {
			u.t.Errorf("%s: there is a new %s: %q", when, what, is)
		}
	}
}

// client returns a client of the user's server, which must run.
func (u *user) client() sdkclient.Client {
	u.t.Helper()
	h := server.New(u.state, server.Options{Executable: u.binary})
	c, err := temporalclient.DialEmbedded(u.t.Context(), h, slog.New(slog.DiscardHandler))
	if err != nil {
		u.t.Fatalf("connect to the server: %+v", err)
	}
	u.t.Cleanup(c.Close)
	return c
}

// runs returns the run IDs of the workflows that run, by workflow ID.
func (u *user) runs() map[string]string {
	u.t.Helper()
	runs := map[string]string{}
	for _, e := range u.workflows(u.client(), `ExecutionStatus = "Running"`) {
		runs[e.GetExecution().GetWorkflowId()] = e.GetExecution().GetRunId()
	}
	return runs
}

// workflows returns all workflows that match a query.
func (u *user) workflows(c sdkclient.Client, query string) (all []*workflow.WorkflowExecutionInfo) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	for page := []byte(nil); ; {
		answer, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: page})
		if err != nil {
			u.t.Fatalf("list the workflows: %v", err)
		}
		all = append(all, answer.GetExecutions()...)
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return all
		}
	}
}

// onePodEach checks that no pod of a service was ever replaced: there is one ReplicaSet of each Deployment, with one pod.
func (u *user) onePodEach() {
	u.t.Helper()
	sets, err := u.kube.AppsV1().ReplicaSets(u.ns).List(u.t.Context(), metav1.ListOptions{})
	if err != nil {
		u.t.Fatal(err)
	}
	if len(sets.Items) != len(u.service) {
		u.t.Errorf("there are %d replica sets for %d services: something was deployed twice", len(sets.Items), len(u.service))
	}
	for i, s := range u.service {
		if n := len(u.pods(i)); n != 1 {
			u.t.Errorf("%s has %d pods", s.name, n)
		}
	}
}

// long is true in `make test-long`.
func long() bool { return os.Getenv("ENVFLOW_TEST_LONG") != "" }

// servedAt waits until service i serves the content at a path; "" stands for nothing.
func (u *user) servedAt(i int, path, content string) {
	u.t.Helper()
	u.eventually(fmt.Sprintf("%s serves %q at %s", u.service[i].name, content, path), func() error {
		got, err := u.get(i, path)
		switch {
		case content == "" && err != nil && strings.HasPrefix(err.Error(), "404"):
			return nil
		case err == nil && got != content+"\n":
			return fmt.Errorf("it serves %q", got)
		}
		return err
	})
}

// nothingInCluster waits until the namespace holds nothing that the project has put there.
func (u *user) nothingInCluster() {
	u.t.Helper()
	u.eventually("the namespace is empty", func() error {
		ctx, o := u.t.Context(), metav1.ListOptions{}
		deployments, err := u.kube.AppsV1().Deployments(u.ns).List(ctx, o)
		if err != nil {
			return err
		}
		services, err := u.kube.CoreV1().Services(u.ns).List(ctx, o)
		if err != nil {
			return err
		}
		pods, err := u.kube.CoreV1().Pods(u.ns).List(ctx, o)
		if err != nil {
			return err
		}
		if n := len(deployments.Items) + len(services.Items) + len(pods.Items); n > 0 {
			return fmt.Errorf("%d objects are left", n)
		}
		return nil
	})
}

// base64Text finds what protojson writes payloads as.
var base64Text = regexp.MustCompile(`"[A-Za-z0-9+/]{4,}={0,2}"`)

// readable returns text with all payloads of it added in plain.
func readable(text string) string {
	plain := []string{text}
	for _, quoted := range base64Text.FindAllString(text, -1) {
		if data, err := base64.StdEncoding.DecodeString(strings.Trim(quoted, `"`)); err == nil {
			plain = append(plain, string(data))
		}
	}
	// Twice: a manifest's `data` is base64 too.
	for _, quoted := range base64Text.FindAllString(strings.Join(plain[1:], "\n"), -1) {
		if data, err := base64.StdEncoding.DecodeString(strings.Trim(quoted, `"`)); err == nil {
			plain = append(plain, string(data))
		}
	}
	return strings.Join(plain, "\n")
}

// around returns what stands around mark in text.
func around(text, mark string) string {
	at := strings.Index(text, mark)
	return text[max(0, at-80):min(len(text), at+len(mark)+80)]
}
