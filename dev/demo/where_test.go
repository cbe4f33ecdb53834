package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const kubeconfig = `apiVersion: v1
kind: Config
current-context: prod
contexts: [{name: prod, context: {cluster: prod, user: u}}, {name: kind-gone, context: {cluster: kind-gone, user: u}}]
clusters: [{name: prod, cluster: {server: "http://127.0.0.1:1"}}, {name: kind-gone, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
`

// The demo goes to no cluster that might be anybody else's, and says why it does not.
func TestChoose_NeverAnyCluster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	t.Chdir(t.TempDir()) // where no testbed is
	t.Setenv("KUBECONFIG", path)
	for _, test := range []struct{ config, why string }{
		{kubeconfig, "the current context prod is not known as a cluster for development"},
		{strings.Replace(kubeconfig, "current-context: prod", "current-context: kind-gone", 1), "the cluster of the current context kind-gone does not answer"},
		{"apiVersion: v1\nkind: Config\n", "no cluster is configured"},
	} {
		if err := os.WriteFile(path, []byte(test.config), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := choose(t.Context(), wishAuto, os.LookupEnv)
		if err != nil || !got.local || got.why != test.why {
			t.Errorf("auto: %+v, %v; want why %q", got, err, test.why)
		}
		if _, err := choose(t.Context(), wishKubernetes, os.LookupEnv); err == nil || !strings.Contains(err.Error(), test.why) {
			t.Errorf("kubernetes: %v, want %q", err, test.why)
		}
		if got, err := choose(t.Context(), wishLocal, os.LookupEnv); err != nil || !got.local {
			t.Errorf("local: %+v, %v", got, err)
		}
	}
	if _, err := choose(t.Context(), "nonsense", os.LookupEnv); err == nil || !strings.Contains(err.Error(), `DEMO is "nonsense"; it can be auto, kubernetes or local`) {
		t.Errorf("nonsense: %v", err)
	}
}
