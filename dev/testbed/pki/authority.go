package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// lifetime of every certificate. The testbed is thrown away long before.
const lifetime = 10 * 365 * 24 * time.Hour

// renewBefore is how long before its end a certificate is made again.
const renewBefore = 30 * 24 * time.Hour

// Authority signs the certificates of one folder.
type Authority struct {
	dir  string
	pair tls.Certificate
}

// Subject says whom a certificate is for.
type Subject struct {
	File          string   // base name of its .crt and .key files
	CommonName    string   // the user, to Kubernetes
	Organizations []string // the user's groups, to Kubernetes
	Names         []string // DNS names and IP addresses it serves; a subject without any is only a client
}

// Open returns the authority of a folder, making it if there is none yet.
func Open(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for certificates: %w", err)
	}
	a := &Authority{dir: dir}
	pair, err := a.load("ca")
	if err == nil && time.Until(pair.Leaf.NotAfter) > renewBefore {
		a.pair = pair
		return a, nil
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "envflow-testbed"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if a.pair, err = a.create("ca", template, nil); err != nil {
		return nil, fmt.Errorf("make the certificate authority: %w", err)
	}
	return a, nil
}

// Issue makes sure that the folder holds a certificate for the subject and returns it; one that already says the same
// is kept.
func (a *Authority) Issue(s Subject) (tls.Certificate, error) {
	if pair, err := a.load(s.File); err == nil && a.matches(pair.Leaf, s) {
		return pair, nil
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: s.CommonName, Organization: s.Organizations},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	template.DNSNames, template.IPAddresses = splitNames(s.Names)
	if len(s.Names) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	pair, err := a.create(s.File, template, &a.pair)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the certificate of %s: %w", s.File, err)
	}
	return pair, nil
}

// Pool returns the certificates that a client of the testbed trusts.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.pair.Leaf)
	return pool
}

// File returns the path of a file of the authority's folder, for instance "ca.crt".
func (a *Authority) File(name string) string {
	return filepath.Join(a.dir, name)
}

// ServiceAccountKey makes sure that the folder holds sa.key and sa.pub, which sign and check service account tokens.
func (a *Authority) ServiceAccountKey() error {
	if _, err := os.Stat(a.File("sa.pub")); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the service account key: %w", err)
	}
	if err := writeKey(a.File("sa.key"), key); err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode the service account key: %w", err)
	}
	return writePEM(a.File("sa.pub"), "PUBLIC KEY", public)
}

// matches reports whether a certificate is still good for the subject.
func (a *Authority) matches(leaf *x509.Certificate, s Subject) bool {
	names, addresses := splitNames(s.Names)
	return leaf.CheckSignatureFrom(a.pair.Leaf) == nil &&
		time.Until(leaf.NotAfter) > renewBefore &&
		leaf.Subject.CommonName == s.CommonName &&
		slices.Equal(leaf.Subject.Organization, s.Organizations) &&
		slices.Equal(leaf.DNSNames, names) &&
		slices.EqualFunc(leaf.IPAddresses, addresses, net.IP.Equal)
}

func (a *Authority) load(name string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(a.File(name+".crt"), a.File(name+".key"))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("load certificate %s: %w", name, err)
	}
	return pair, nil
}

// create makes a key and a certificate signed by parent, or by itself when parent is nil, and stores both.
func (a *Authority) create(name string, template *x509.Certificate, parent *tls.Certificate) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return tls.Certificate{}, fmt.Errorf("make serial number: %w", err)
	}
	// An hour back, so that a clock that is set right later does not make the certificate one of the future.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(lifetime)
	signer, signerKey := template, crypto.PrivateKey(key)
	if parent != nil {
		signer, signerKey = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, key.Public(), signerKey)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign certificate: %w", err)
	}
	if err := errors.Join(writeKey(a.File(name+".key"), key), writePEM(a.File(name+".crt"), "CERTIFICATE", der)); err != nil {
		return tls.Certificate{}, err
	}
	return a.load(name)
}

func splitNames(names []string) (dns []string, addresses []net.IP) {
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			addresses = append(addresses, ip)
			continue
		}
		dns = append(dns, name)
	}
	return dns, addresses
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	return writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	return nil
}
