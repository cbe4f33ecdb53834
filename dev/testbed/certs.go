package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/envflow/envflow/dev/testbed/pki"
)

const (
	pkiDir        = stateDir + "/pki"
	kubeconfigDir = stateDir + "/kubeconfig"
)

var adminSubject = pki.Subject{File: "admin", CommonName: "admin", Organizations: []string{"system:masters"}}

// clientSubjects are the components that talk to the API server with a kubeconfig of their own.
var clientSubjects = []pki.Subject{
	{File: "controller-manager", CommonName: "system:kube-controller-manager"},
	{File: "scheduler", CommonName: "system:kube-scheduler"},
	{File: "kube-proxy", CommonName: "system:kube-proxy"},
	{File: "kubelet", CommonName: "system:node:" + nodeName, Organizations: []string{"system:nodes"}},
}

// serverSubjects are the certificates that are also shown to clients.
func serverSubjects(nodeIP string) []pki.Subject {
	return []pki.Subject{
		{File: "apiserver", CommonName: "kube-apiserver", Names: []string{
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
			"localhost", "127.0.0.1", "10.96.0.1", nodeIP,
		}},
		{File: "kubelet-server", CommonName: "system:node:" + nodeName, Organizations: []string{"system:nodes"}, Names: []string{nodeName, nodeIP, "127.0.0.1"}},
		{File: "etcd", CommonName: "etcd", Names: []string{"localhost", "127.0.0.1"}},
	}
}

// issueCertificates makes every certificate, key and kubeconfig of the components that is missing or no longer right.
func (t *testbed) issueCertificates(context.Context) error {
	ca, err := pki.Open(pkiDir)
	if err != nil {
		return err
	}
	if err := ca.ServiceAccountKey(); err != nil {
		return err
	}
	for _, subject := range serverSubjects(t.nodeIP) {
		if _, err := ca.Issue(subject); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(kubeconfigDir, 0o700); err != nil {
		return fmt.Errorf("make folder for kubeconfigs: %w", err)
	}
	for _, subject := range append(clientSubjects, adminSubject, apiserverClientSubject) {
		if _, err := ca.Issue(subject); err != nil {
			return err
		}
		content, err := ca.Kubeconfig(serverURL, subject.File, "testbed")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(kubeconfigDir, subject.File), content, 0o600); err != nil {
			return fmt.Errorf("write kubeconfig of %s: %w", subject.File, err)
		}
	}
	t.forgetClient()
	return t.describeDaemons()
}

// apiserverClientSubject is who the API server is when it asks the kubelet for logs and exec.
var apiserverClientSubject = pki.Subject{File: "apiserver-client", CommonName: "kube-apiserver-kubelet-client", Organizations: []string{"system:masters"}}
