package kube_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/kube"
)

// What programs get knows one context, with the namespace of the target, and needs no other file.
func TestTarget_Kubeconfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	original := filepath.Join(dir, "config")
	write(t, original, strings.ReplaceAll(twoContexts, "{token: secret}", "{tokenFile: token, exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/login, interactiveMode: Never}}"))
	write(t, filepath.Join(dir, "token"), "secret")
	target, err := kube.Load(kube.Config{Path: original, Context: "prod", Namespace: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := target.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]bool{
		"current-context: prod": true, "https://127.0.0.1:2": true, "namespace: mine": true,
		filepath.Join(dir, "token"): true, filepath.Join(dir, "bin/login"): true,
		"kind-dev": false, "https://127.0.0.1:1": false, "broken": false,
	} {
		if strings.Contains(string(data), part) != want {
			t.Errorf("%q in it: %t, want %t\n%s", part, !want, want, data)
		}
	}
	frozen := filepath.Join(t.TempDir(), "frozen")
	write(t, frozen, string(data))
	again, err := kube.Load(kube.Config{Path: frozen})
	if err != nil {
		t.Fatal(err)
	}
	if again.Context != "prod" || again.Cluster != "live" || again.Namespace != "mine" {
		t.Errorf("read again it is %+v", again)
	}
}

func TestTarget_KubeconfigHoldsCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate(t, dir)
	original := filepath.Join(dir, "config")
	write(t, original, strings.ReplaceAll(twoContexts, "{token: secret}", "{client-certificate: cert.pem, client-key: key.pem}"))
	target, err := kube.Load(kube.Config{Path: original})
	if err != nil {
		t.Fatal(err)
	}
	data, err := target.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), dir) || !strings.Contains(string(data), base64.StdEncoding.EncodeToString(key)) {
		t.Errorf("it needs the files still:\n%s", data)
	}
}

// certificate writes cert.pem and key.pem.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, certErr := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	private, keyErr := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(certErr, keyErr); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}
