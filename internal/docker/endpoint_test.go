package docker_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/testenv"
)

// writeContext makes a docker context as `docker context create` does.
func writeContext(t *testing.T, config, name, host string) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	write(t, filepath.Join(config, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"),
		fmt.Sprintf(`{"Name":%q,"Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, name, host))
}

func TestConnect_FindsTheEngineAsDockerDoes(t *testing.T) {
	t.Parallel()
	socket := testenv.Testbed(t).DockerHost
	if socket == "" {
		t.Skip("this cluster names no docker engine")
	}
	config := t.TempDir()
	writeContext(t, config, "works", socket)
	writeContext(t, config, "silent", "unix://"+filepath.Join(config, "nothing.sock"))
	current := filepath.Join(config, "current")
	write(t, filepath.Join(current, "config.json"), `{"currentContext":"works"}`)
	writeContext(t, current, "works", socket)

	const works = `docker context "works"`
	for _, test := range []struct {
		name   string
		host   string
		vars   map[string]string
		where  string
		failed failure.Class
	}{
		{"the option", socket, map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:1"}, socket, ""},
		{"DOCKER_HOST", "", map[string]string{"DOCKER_HOST": socket, "DOCKER_CONTEXT": "silent", "DOCKER_CONFIG": config}, socket, ""},
		{"DOCKER_CONTEXT", "", map[string]string{"DOCKER_CONTEXT": "works", "DOCKER_CONFIG": config}, works, ""},
		{"the current context", "", map[string]string{"DOCKER_CONFIG": current}, works, ""},
		{"the default context", "", map[string]string{"DOCKER_CONTEXT": "default", "DOCKER_CONFIG": current}, socket, ""},
		{"the socket", "", nil, socket, ""},
		{"no such context", "", map[string]string{"DOCKER_CONTEXT": "none", "DOCKER_CONFIG": config}, `docker context "none"`, failure.User},
		{"a silent context", "", map[string]string{"DOCKER_CONTEXT": "silent", "DOCKER_CONFIG": config}, `docker context "silent"`, failure.Infrastructure},
		{"no certificates", "", map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:1", "DOCKER_CERT_PATH": current, "DOCKER_TLS_VERIFY": "1"}, "tcp://127.0.0.1:1", failure.Infrastructure},
		{"an address that is none", "nonsense://x", nil, "nonsense://x", failure.Infrastructure},
	} {
		o := docker.Options{Host: test.host, LookupEnv: environment(test.vars)}
		if where, ok := docker.Configured(o); where != test.where || !ok {
			t.Errorf("%s: configured %v, at %s; want %s", test.name, ok, where, test.where)
		}
		client, err := docker.Connect(t.Context(), o)
		if test.failed != "" {
			if err == nil || failure.Of(err).Class != test.failed {
				t.Errorf("%s: error %v, want one of class %s", test.name, err, test.failed)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if client.Where() != test.where {
			t.Errorf("%s: connected to %s", test.name, client.Where())
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

// An engine that takes the connection and says nothing, as one that is stopped, is given 5 s.
func TestConnect_WaitsNotForEver(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "silent") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	began := time.Now()
	_, err = docker.Connect(t.Context(), docker.Options{Host: "unix://" + socket})
	var f *failure.Error
	if !errors.As(err, &f) || f.Needs != failure.Docker || !strings.Contains(f.Summary, socket) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > 7*time.Second {
		t.Errorf("it took %s", took)
	}
}
