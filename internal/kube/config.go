package kube

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/connrotation"

	"github.com/envflow/envflow/internal/failure"
)

// ErrNotConfigured is in the chain of the error of Load where no cluster is configured at all.
var ErrNotConfigured = errors.New("no Kubernetes cluster is configured")

// What one client asks of the API server at most, and how long it waits for a connection.
const (
	requestsPerSecond = 200
	requestBurst      = 400
	dialTimeout       = 5 * time.Second
)

// Config says which cluster is meant.
type Config struct {
	Path      string                           // a kubeconfig; "": the files of KUBECONFIG, else ~/.kube/config
	Context   string                           // "": the current one of the file
	Namespace string                           // "": that of the context, else "default"
	LookupEnv func(name string) (string, bool) // as os.LookupEnv; nil: no variable is set
}

// Target is one cluster as a kubeconfig names it. Only Load makes one that can be connected to.
type Target struct {
	Context   string // name of the context
	Cluster   string // name of the cluster
	Namespace string // where objects go that name no namespace
	Path      string // the kubeconfig, or several of them as in the variable KUBECONFIG

	raw       *clientcmdapi.Config
	rest      *rest.Config
	dialer    *connrotation.Dialer // of rest: knows all connections
	authority string               // file of the certificate authority, may be ""
	origin    string               // file that the context is from
	home      string
}

// Load reads the kubeconfig. It asks no server.
//
// Without a file, without any context and without a current one where none was asked for, the error is ErrNotConfigured and
// a missing cluster. A file that cannot be read and a context that is not in it are the user's errors.
func Load(cfg Config) (*Target, error) {
	if cfg.LookupEnv == nil {
		cfg.LookupEnv = func(string) (string, bool) { return "", false }
	}
	home := homeDir(cfg.LookupEnv)
	files := kubeconfigs(cfg, home)
	path := strings.Join(files, string(filepath.ListSeparator))
	raw, err := (&clientcmd.ClientConfigLoadingRules{Precedence: files}).Load()
	if err != nil {
		return nil, failure.UserError(fmt.Errorf("read the kubeconfig %s: %w", path, err), "the kubeconfig %s cannot be read", path)
	}
	known := slices.Sorted(maps.Keys(raw.Contexts))
	name := cmp.Or(cfg.Context, raw.CurrentContext)
	switch {
	case len(known) == 0:
		return nil, notConfigured("%s has no context: start a cluster (kind, k3d, minikube, Docker Desktop, ...) or set KUBECONFIG", path)
	case name == "":
		return nil, notConfigured("%s has no current context: choose one with --context or `kubectl config use-context`; it knows %s", path, strings.Join(known, ", "))
	case raw.Contexts[name] == nil:
		err := fmt.Errorf("no context %q in %s, which knows %s", name, path, strings.Join(known, ", "))
		return nil, failure.UserError(err, "%s", err)
	}
	return newTarget(raw, name, cfg.Namespace, path, home)
}

func notConfigured(format string, args ...any) error {
	err := fmt.Errorf("%w: %s", ErrNotConfigured, fmt.Sprintf(format, args...))
	return failure.Missing(err, failure.Cluster, "%s", err)
}

func newTarget(raw *clientcmdapi.Config, name, namespace, path, home string) (*Target, error) {
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	var dialer *connrotation.Dialer
	if err == nil {
		dialer = tune(config)
		_, err = newClients(config) // reads certificates and keys
	}
	if err != nil {
		return nil, failure.UserError(fmt.Errorf("use the context %s of %s: %w", name, path, err), "the context %s of %s cannot be used", name, path)
	}
	kubeContext := raw.Contexts[name]
	t := &Target{
		Context:   name,
		Cluster:   kubeContext.Cluster,
		Namespace: cmp.Or(namespace, kubeContext.Namespace, "default"),
		Path:      path,
		raw:       raw,
		rest:      config,
		dialer:    dialer,
		origin:    kubeContext.LocationOfOrigin,
		home:      home,
	}
	if cluster := raw.Clusters[kubeContext.Cluster]; cluster != nil {
		t.authority = cluster.CertificateAuthority
	}
	return t, nil
}

// tune sets what client-go leaves at values for a command that asks a few questions and ends. The dialer can close all
// connections.
func tune(config *rest.Config) *connrotation.Dialer {
	config.QPS = requestsPerSecond
	config.Burst = requestBurst
	config.UserAgent = "envflow"
	dialer := connrotation.NewDialer((&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext)
	config.Dial = dialer.DialContext
	config.WarningHandlerWithContext = warnings{}
	return dialer
}

// kubeconfigs returns the files to read, the first of which wins.
func kubeconfigs(cfg Config, home string) []string {
	if cfg.Path != "" {
		return []string{cfg.Path}
	}
	var files []string
	list, _ := cfg.LookupEnv("KUBECONFIG")
	for _, f := range filepath.SplitList(list) {
		if f != "" && !slices.Contains(files, f) {
			files = append(files, f)
		}
	}
	if files == nil {
		files = []string{filepath.Join(home, ".kube", "config")}
	}
	return files
}

func homeDir(lookup func(string) (string, bool)) string {
	for _, name := range []string{"HOME", "USERPROFILE"} {
		if dir, ok := lookup(name); ok && dir != "" {
			return dir
		}
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return dir
}
