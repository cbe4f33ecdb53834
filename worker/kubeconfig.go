package worker

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/state"
)

// kubeConfig is where local commands find their cluster, in the folder of the environment: kubectl in them means the cluster of
// the environment, whatever the current context of the terminal is by then.
const kubeConfig = "kubeconfig"

// freeze writes the kubeconfig for local commands.
func freeze(target *kube.Target, path string) error {
	data, err := target.Kubeconfig()
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return state.WriteFile(path, data)
}

// freezeFor is freeze for one evaluation. Without a path the file is a temporary one, which end removes.
func freezeFor(target *kube.Target, path string) (_ string, end func(), err error) {
	if path != "" {
		return path, func() {}, freeze(target, path)
	}
	dir, err := os.MkdirTemp("", "envflow-kubeconfig-*")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, kubeConfig)
	if err := freeze(target, path); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return path, func() { _ = os.RemoveAll(dir) }, nil // it is in the folder for temporary files
}

// commandEnviron are the variables of a command or server that is started now. Where no cluster is configured it finds what
// kubectl finds.
func (h *Host) commandEnviron() []string {
	path := filepath.Join(h.o.Folder, kubeConfig)
	target, err := kube.Load(h.clients.kube)
	if err == nil {
		err = freeze(target, path)
	}
	if err != nil {
		if !errors.Is(err, kube.ErrNotConfigured) {
			h.o.Log.Warn("local commands use the kubeconfig of the terminal", "error", err)
		}
		return h.o.Environ
	}
	return append(h.o.Environ[:len(h.o.Environ):len(h.o.Environ)], "KUBECONFIG="+path)
}
