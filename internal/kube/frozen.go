package kube

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig returns a kubeconfig that knows this target and nothing else, with the content of the files that the original one
// names. Programs that are given it do what they do here, wherever kubectl's current context goes (as Tilt's frozen one). It
// holds the user's credentials.
func (t *Target) Kubeconfig() ([]byte, error) {
	config := t.raw.DeepCopy()
	config.CurrentContext = t.Context
	if err := clientcmdapi.MinifyConfig(config); err != nil {
		return nil, fmt.Errorf("take the context %s out of the kubeconfig: %w", t.Context, err)
	}
	config.Contexts[t.Context].Namespace = t.Namespace
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return nil, fmt.Errorf("read what the kubeconfig names for the context %s: %w", t.Context, err)
	}
	data, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("write a kubeconfig for the context %s: %w", t.Context, err)
	}
	return data, nil
}
