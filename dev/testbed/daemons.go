package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/envflow/envflow/dev/testbed/proc"
)

const (
	logDir        = stateDir + "/logs"
	pidDir        = stateDir + "/pids"
	configDir     = stateDir + "/config"
	etcdDir       = stateDir + "/etcd"
	kubeletDir    = stateDir + "/kubelet"
	containerdDir = stateDir + "/containerd"
	registryDir   = stateDir + "/registry"
	dockerDir     = stateDir + "/docker"

	containerdRunDir = runDir + "/containerd"
	containerdSocket = containerdRunDir + "/containerd.sock"
	dockerRunDir     = runDir + "/docker"
	dockerSocket     = "/var/run/docker.sock"
)

// marker is the environment variable by which a daemon is known as the testbed's even without a pid file.
const marker = "ENVFLOW_TESTBED_DAEMON="

// daemonPath has the distribution's programs first: a docker or containerd that someone put in /usr/local may be another
// version than its companions.
const daemonPath = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"

// daemon says how one daemon is started and asked whether it works.
type daemon struct {
	name    string
	path    string // of the program; "" while that is not installed
	args    []string
	configs []string // files whose content belongs to what the daemon is started with
	listens []string // addresses that must be free before it starts
	grace   time.Duration
	ready   func(context.Context) error
}

// describeDaemons fills t.daemons from what is installed, built and known of the machine.
func (t *testbed) describeDaemons() error {
	component := func(name string, args ...string) []string { return append([]string{name}, args...) }
	kubernetes := t.builds.kubernetes
	t.daemons = []daemon{
		{
			name: "etcd", path: packaged("etcd-server", "usr/bin/etcd"), grace: 5 * time.Second,
			listens: []string{"127.0.0.1:12379", "127.0.0.1:12380"}, ready: t.etcdReady,
			args: []string{
				"--name=testbed", "--data-dir=" + etcdDir, "--logger=zap", "--log-level=warn",
				"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
				"--listen-peer-urls=https://127.0.0.1:12380", "--initial-advertise-peer-urls=https://127.0.0.1:12380",
				"--initial-cluster=testbed=https://127.0.0.1:12380",
				"--client-cert-auth", "--trusted-ca-file=" + pkiDir + "/ca.crt", "--cert-file=" + pkiDir + "/etcd.crt", "--key-file=" + pkiDir + "/etcd.key",
				"--peer-client-cert-auth", "--peer-trusted-ca-file=" + pkiDir + "/ca.crt", "--peer-cert-file=" + pkiDir + "/etcd.crt", "--peer-key-file=" + pkiDir + "/etcd.key",
			},
		},
		{
			name: "registry", path: packaged("docker-registry", "usr/bin/docker-registry"), grace: 5 * time.Second,
			listens: []string{"127.0.0.1:5000"}, ready: registryReady,
			args: []string{"serve", configDir + "/registry.yaml"}, configs: []string{"registry.yaml"},
		},
		{
			name: "dockerd", path: program("dockerd"), grace: 20 * time.Second, ready: engineReady,
			args: []string{"--config-file=" + configDir + "/docker.json"}, configs: []string{"docker.json"},
		},
		{
			name: "containerd", path: program("containerd"), grace: 10 * time.Second, ready: containerdReady,
			args: []string{"--config=" + configDir + "/containerd.toml"}, configs: []string{"containerd.toml", "10-bridge.conflist", "hosts.toml"},
		},
		{
			name: "apiserver", path: kubernetes, grace: 5 * time.Second, listens: []string{":6443"}, ready: t.apiserverReady,
			args: component("kube-apiserver",
				"--bind-address=0.0.0.0", "--secure-port=6443", "--advertise-address="+t.nodeIP,
				"--etcd-servers="+etcdURL, "--etcd-cafile="+pkiDir+"/ca.crt", "--etcd-certfile="+pkiDir+"/etcd.crt", "--etcd-keyfile="+pkiDir+"/etcd.key",
				"--client-ca-file="+pkiDir+"/ca.crt", "--tls-cert-file="+pkiDir+"/apiserver.crt", "--tls-private-key-file="+pkiDir+"/apiserver.key",
				"--kubelet-client-certificate="+pkiDir+"/apiserver-client.crt", "--kubelet-client-key="+pkiDir+"/apiserver-client.key",
				"--kubelet-certificate-authority="+pkiDir+"/ca.crt", "--kubelet-preferred-address-types=InternalIP",
				"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
				"--service-account-key-file="+pkiDir+"/sa.pub", "--service-account-signing-key-file="+pkiDir+"/sa.key",
				"--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=Node,RBAC",
				"--enable-admission-plugins=NodeRestriction", "--allow-privileged=true", "--profiling=false",
			),
		},
		{
			name: "controller-manager", path: kubernetes, grace: 5 * time.Second, listens: []string{"127.0.0.1:10257"}, ready: healthz("https://127.0.0.1:10257/healthz"),
			args: component("kube-controller-manager",
				"--bind-address=127.0.0.1", "--kubeconfig="+kubeconfigDir+"/controller-manager",
				"--authentication-kubeconfig="+kubeconfigDir+"/controller-manager", "--authorization-kubeconfig="+kubeconfigDir+"/controller-manager",
				"--use-service-account-credentials", "--service-account-private-key-file="+pkiDir+"/sa.key", "--root-ca-file="+pkiDir+"/ca.crt",
				"--cluster-signing-cert-file="+pkiDir+"/ca.crt", "--cluster-signing-key-file="+pkiDir+"/ca.key",
				"--allocate-node-cidrs=true", "--cluster-cidr="+podNetwork, "--leader-elect=false", "--profiling=false",
			),
		},
		{
			name: "scheduler", path: kubernetes, grace: 5 * time.Second, listens: []string{"127.0.0.1:10259"}, ready: healthz("https://127.0.0.1:10259/healthz"),
			args: component("kube-scheduler",
				"--bind-address=127.0.0.1", "--kubeconfig="+kubeconfigDir+"/scheduler",
				"--authentication-kubeconfig="+kubeconfigDir+"/scheduler", "--authorization-kubeconfig="+kubeconfigDir+"/scheduler",
				"--leader-elect=false", "--profiling=false",
			),
		},
		{
			name: "kube-proxy", path: kubernetes, grace: 5 * time.Second, listens: []string{"127.0.0.1:10256"}, ready: healthz("http://127.0.0.1:10256/healthz"),
			args: component("kube-proxy", "--config="+configDir+"/kube-proxy.yaml"), configs: []string{"kube-proxy.yaml"},
		},
		{
			name: "kubelet", path: kubernetes, grace: 10 * time.Second, listens: []string{"127.0.0.1:10248", ":10250"}, ready: healthz("http://127.0.0.1:10248/healthz"),
			args: component("kubelet",
				"--config="+configDir+"/kubelet.yaml", "--kubeconfig="+kubeconfigDir+"/kubelet", "--root-dir="+kubeletDir, "--cert-dir="+kubeletDir+"/pki",
				"--hostname-override="+nodeName, "--node-ip="+t.nodeIP,
			),
			configs: []string{"kubelet.yaml", "resolv.conf"},
		},
	}
	return nil
}

// daemon returns the description of a daemon.
func (t *testbed) daemon(name string) (daemon, error) {
	i := slices.IndexFunc(t.daemons, func(d daemon) bool { return d.name == name })
	if i < 0 {
		return daemon{}, fmt.Errorf("%w: there is no daemon %q", errUsage, name)
	}
	return t.daemons[i], nil
}

// spec returns the digest of everything the daemon is started with.
func (t *testbed) spec(d daemon) (string, error) {
	text := fmt.Appendf(nil, "%q %q\n", d.path, d.args)
	for _, name := range d.configs {
		content, err := t.renderConfig(name)
		if err != nil {
			return "", err
		}
		text = append(text, content...)
	}
	if bytes.Contains(text, []byte(pkiDir)) || bytes.Contains(text, []byte(kubeconfigDir)) {
		ca, err := os.ReadFile(pkiDir + "/ca.crt")
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("read the certificate authority: %w", err)
		}
		text = append(text, ca...)
	}
	return digestOf(text), nil
}

// record returns the pid file of the daemon; the zero record when there is none.
func (d daemon) record() proc.Record {
	r, err := proc.Read(d.pidFile())
	if err != nil {
		return proc.Record{} // Missing or unreadable is the same: not known to run.
	}
	return r
}

func (d daemon) pidFile() string { return filepath.Join(pidDir, d.name+".pid") }

func (d daemon) logFile() string { return filepath.Join(logDir, d.name+".log") }

// ensure makes a daemon run as described: one that runs so and answers is left alone.
func (t *testbed) ensure(ctx context.Context, name string) error {
	d, err := t.daemon(name)
	if err != nil {
		return err
	}
	if name == "dockerd" && t.foreignEngine(ctx) {
		return nil
	}
	r := d.record()
	if !r.Alive() {
		return t.start(ctx, d)
	}
	spec, err := t.spec(d)
	if err != nil {
		return err
	}
	switch {
	case r.Spec != spec:
		t.say("restart", "%s, whose settings have changed", name)
	case eventually(ctx, 5*time.Second, d.ready) != nil:
		t.say("restart", "%s, which does not answer", name)
	default:
		return nil
	}
	if err := stopDaemon(ctx, d, d.grace); err != nil {
		return err
	}
	return t.start(ctx, d)
}

// start starts a daemon that does not run and waits until it answers.
func (t *testbed) start(ctx context.Context, d daemon) error {
	if err := t.launch(ctx, d); err != nil {
		return daemonError{d.name, err}
	}
	return nil
}

// daemonError says which daemon could not be started.
type daemonError struct {
	name string
	err  error
}

func (e daemonError) Error() string { return fmt.Sprintf("start %s: %v", e.name, e.err) }

func (e daemonError) Unwrap() error { return e.err }

func (t *testbed) launch(ctx context.Context, d daemon) error {
	if d.path == "" {
		return errors.New("its program is not installed; run `go run ./dev/testbed`")
	}
	if err := d.killStrays(ctx); err != nil {
		return err
	}
	for _, address := range d.listens {
		if err := portFree(ctx, address); err != nil {
			return err
		}
	}
	if d.name == "dockerd" {
		if err := dropStaleDockerPIDs(); err != nil {
			return err
		}
	}
	if err := errors.Join(os.MkdirAll(logDir, 0o755), os.MkdirAll(pidDir, 0o755)); err != nil {
		return fmt.Errorf("make folders for logs and pid files: %w", err)
	}
	spec, err := t.spec(d)
	if err != nil {
		return err
	}
	t.say("start", "%s", d.name)
	// What it needs may answer already and not be ready for it: containerd's interface for the kubelet comes up after containerd
	// itself, and with many pods that were killed 20 s after it.
	began := time.Now()
	for {
		err := t.run(ctx, d, spec)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errEnded) || time.Since(began) > readyLimit {
			return fmt.Errorf("%w; its log ends:\n%s", err, lastLines(d.logFile(), 5))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// run starts the daemon and waits until it is ready.
func (t *testbed) run(ctx context.Context, d daemon, spec string) error {
	r, err := proc.Start(proc.Command{
		Path: d.path, Args: d.args, Log: d.logFile(), PIDFile: d.pidFile(), Spec: spec,
		Env: []string{"PATH=" + daemonPath, "HOME=/root", "LANG=C.UTF-8", marker + d.name},
	})
	if err != nil {
		return err
	}
	return eventually(ctx, readyLimit, func(ctx context.Context) error {
		if !r.Alive() {
			return errEnded // and no later attempt helps
		}
		return d.ready(ctx)
	})
}

var errEnded = errors.New("it ended at once")

// stopDaemon ends the daemon of the pid file.
func stopDaemon(ctx context.Context, d daemon, grace time.Duration) error {
	if err := proc.Stop(ctx, d.record(), grace); err != nil {
		return fmt.Errorf("stop %s: %w", d.name, err)
	}
	return nil
}

// killStrays ends processes of the daemon that no pid file tells of, left when an earlier command was killed between
// starting the daemon and writing the file.
func (d daemon) killStrays(ctx context.Context) error {
	for _, p := range d.strays() {
		if err := proc.Stop(ctx, p.Record, 0); err != nil {
			return fmt.Errorf("end a leftover %s: %w", d.name, err)
		}
	}
	return nil
}

// strays returns the running processes of the daemon, whether a pid file tells of them or not.
func (d daemon) strays() []proc.Process {
	return proc.Find(func(p proc.Process) bool {
		return p.Args[0] == d.path && slices.Contains(p.Environment(), marker+d.name)
	})
}

// portFree waits a moment for an address to become free: a killed daemon's socket may outlive it a little.
func portFree(ctx context.Context, address string) error {
	err := eventually(ctx, 3*time.Second, func(ctx context.Context) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return listener.Close()
	})
	if err != nil {
		return fmt.Errorf("another program uses %s; stop it and try again: %w", address, err)
	}
	return nil
}

// lastLines returns the end of a log for an error message.
func lastLines(path string, n int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(append(lines[max(0, len(lines)-n):], "(all of it in "+path+")"), "\n")
}
