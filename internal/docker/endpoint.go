package docker

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/docker/docker/client"

	"github.com/envflow/envflow/internal/failure"
)

// Options say where the engine is.
type Options struct {
	Host      string                      // as DOCKER_HOST, which it wins over; "" is not given
	LookupEnv func(string) (string, bool) // the environment; nil is empty
}

// endpoint is an address of an engine.
type endpoint struct {
	host  string      // unix://, npipe://, tcp://, ssh://
	tls   *tls.Config // may be nil
	where string      // for people
}

func (o Options) env(name string) string {
	if o.LookupEnv == nil {
		return ""
	}
	value, _ := o.LookupEnv(name)
	return value
}

// configDir returns the folder of docker's own configuration, "" if there is no home.
func (o Options) configDir() string {
	if dir := o.env("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home := o.env("HOME")
	if runtime.GOOS == "windows" {
		home = o.env("USERPROFILE")
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".docker")
}

// Configured says where the engine should be: a host, a docker context, or a socket that exists. It is false when there is
// none of them, so that waiting for an answer would be in vain. It asks no engine.
func Configured(o Options) (where string, ok bool) {
	if e, ok := o.fromHost(); ok {
		return e.where, true
	}
	if name := o.context(); name != "" {
		return fmt.Sprintf("docker context %q", name), true
	}
	e, ok := o.fromSocket()
	return e.where, ok
}

// find returns the endpoint. The order is that of the docker command line: host, context, sockets.
func (o Options) find() (endpoint, error) {
	if e, ok := o.fromHost(); ok {
		var err error
		if certs := o.env("DOCKER_CERT_PATH"); certs != "" {
			if e.tls, err = readTLS(certs, verification(o.env("DOCKER_TLS_VERIFY"))); err != nil {
				return e, failure.UserError(fmt.Errorf("read the certificates of DOCKER_CERT_PATH: %w", err), "the certificates of DOCKER_CERT_PATH cannot be used")
			}
		}
		return e, nil
	}
	if name := o.context(); name != "" {
		return o.fromContext(name)
	}
	e, _ := o.fromSocket()
	return e, nil
}

func (o Options) fromHost() (endpoint, bool) {
	host := o.Host
	if host == "" {
		host = o.env("DOCKER_HOST")
	}
	if host == "" {
		return endpoint{}, false
	}
	if !strings.Contains(host, "://") {
		host = "tcp://" + host
	}
	return endpoint{host: host, where: host}, true
}

// fromSocket returns the first of the usual sockets that exists, else the first and false. The docker command line knows only
// that one; the others are where rootless docker and Docker Desktop listen.
func (o Options) fromSocket() (endpoint, bool) {
	hosts := []string{client.DefaultDockerHost}
	if dir := o.env("XDG_RUNTIME_DIR"); dir != "" && runtime.GOOS != "windows" {
		hosts = append(hosts, "unix://"+filepath.Join(dir, "docker.sock"))
	}
	if dir := o.configDir(); dir != "" && runtime.GOOS != "windows" {
		hosts = append(hosts, "unix://"+filepath.Join(dir, "run", "docker.sock"))
	}
	for _, host := range hosts {
		_, path, _ := strings.Cut(host, "://")
		if _, err := os.Stat(filepath.FromSlash(path)); err == nil {
			return endpoint{host: host, where: host}, true
		}
	}
	return endpoint{host: hosts[0], where: hosts[0]}, false
}

// context returns the name of the docker context in use, "" for the default one, which is no context but the socket.
func (o Options) context() string {
	name := o.env("DOCKER_CONTEXT")
	if dir := o.configDir(); name == "" && dir != "" {
		var config struct {
			CurrentContext string `json:"currentContext"`
		}
		// No file, or one that cannot be read, chooses no context. Whoever needs it for more says what is wrong with it.
		if content, err := os.ReadFile(filepath.Join(dir, "config.json")); err == nil && json.Unmarshal(content, &config) == nil {
			name = config.CurrentContext
		}
	}
	if name == "default" {
		return ""
	}
	return name
}

// fromContext reads a docker context: the store's files are named after the digest of its name.
func (o Options) fromContext(name string) (endpoint, error) {
	e := endpoint{where: fmt.Sprintf("docker context %q", name)}
	sum := sha256.Sum256([]byte(name))
	id, store := hex.EncodeToString(sum[:]), filepath.Join(o.configDir(), "contexts")
	content, err := os.ReadFile(filepath.Join(store, "meta", id, "meta.json"))
	if err != nil {
		return e, failure.UserError(fmt.Errorf("read the docker context %q: %w", name, err), "there is no docker context %q: choose another with `docker context use`", name)
	}
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := json.Unmarshal(content, &meta); err != nil {
		return e, failure.UserError(fmt.Errorf("read the docker context %q: %w", name, err), "the docker context %q cannot be read", name)
	}
	e.host = meta.Endpoints["docker"].Host
	if e.host == "" {
		return e, failure.UserError(nil, "the docker context %q names no engine", name)
	}
	certs := filepath.Join(store, "tls", id, "docker")
	verify := verified
	if meta.Endpoints["docker"].SkipTLSVerify {
		verify = unverified
	}
	if _, err := os.Stat(certs); err == nil || verify == unverified {
		if e.tls, err = readTLS(certs, verify); err != nil {
			return e, failure.UserError(fmt.Errorf("read the certificates of the docker context %q: %w", name, err), "the certificates of the docker context %q cannot be used", name)
		}
	}
	return e, nil
}

// trust says whether the engine's certificate is checked.
type trust bool

const (
	verified   trust = true
	unverified trust = false
)

// verification reads DOCKER_TLS_VERIFY: any value, even "0", asks for it.
func verification(value string) trust {
	return trust(value != "")
}

// readTLS reads ca.pem, cert.pem and key.pem. Those that are missing are done without.
func readTLS(dir string, verify trust) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: verify == unverified, //nolint:gosec // only if the docker configuration says so
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	switch {
	case err == nil:
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("ca.pem holds no certificate")
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	switch {
	case err == nil:
		config.Certificates = []tls.Certificate{cert}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return config, nil
}
