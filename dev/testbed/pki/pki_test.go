package pki

import (
	"crypto/x509"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestIssue_KeepsACertificateUntilItsNamesChange(t *testing.T) {
	t.Parallel()
	ca, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	subject := Subject{File: "server", CommonName: "server", Organizations: []string{"group"}, Names: []string{"kubernetes", "127.0.0.1", "192.0.2.1"}}
	first, err := ca.Issue(subject)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range subject.Names {
		if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: name}); err != nil {
			t.Errorf("verify for %s: %v", name, err)
		}
	}
	if first.Leaf.Subject.CommonName != "server" || !slices.Equal(first.Leaf.Subject.Organization, []string{"group"}) {
		t.Errorf("subject is %v", first.Leaf.Subject)
	}
	again, err := ca.Issue(subject)
	if err != nil || !again.Leaf.Equal(first.Leaf) {
		t.Errorf("an unchanged certificate is made again: %v", err)
	}
	subject.Names[2] = "192.0.2.2"
	moved, err := ca.Issue(subject)
	if err != nil || moved.Leaf.Equal(first.Leaf) || moved.Leaf.VerifyHostname("192.0.2.2") != nil {
		t.Errorf("the certificate does not follow the address: %v", err)
	}
}

func TestIssue_DoesNotKeepCertificatesOfAnotherAuthority(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	subject := Subject{File: "client", CommonName: "client"}
	first, err := old.Issue(subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(old.File("ca.key")); err != nil {
		t.Fatal(err)
	}
	ca, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ca.Issue(subject)
	if err != nil || again.Leaf.Equal(first.Leaf) {
		t.Errorf("a certificate of the lost authority is kept: %v", err)
	}
}

func TestFiles_AreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	ca, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.ServiceAccountKey(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca.crt", "ca.key", "sa.key", "sa.pub"} {
		info, err := os.Stat(ca.File(name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

func TestKubeconfig_HasAContextForEachName(t *testing.T) {
	t.Parallel()
	ca, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Issue(Subject{File: "admin", CommonName: "admin"}); err != nil {
		t.Fatal(err)
	}
	content, err := ca.Kubeconfig("https://127.0.0.1:6443", "admin", "kind-testbed", "prod-testbed")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"current-context: kind-testbed\n", "server: https://127.0.0.1:6443\n",
		"- name: kind-testbed\n  context:\n    cluster: testbed\n    user: admin\n",
		"- name: prod-testbed\n  context:\n    cluster: testbed\n    user: admin\n",
		"certificate-authority-data: ", "client-certificate-data: ", "client-key-data: ",
	} {
		if !strings.Contains(string(content), want) {
			t.Errorf("kubeconfig lacks %q:\n%s", want, content)
		}
	}
}
