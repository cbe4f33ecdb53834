package temporal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"go.temporal.io/server/common/config"
)

// internalName is the host name that the certificate of the internal services is for. It is never looked up.
const internalName = "temporal.envflow.internal"

// newMutualTLS returns the settings with which Temporal's services trust each other and nobody else: one certificate,
// its own authority, made here and kept in memory only, so that its key ends with the process.
func newMutualTLS(now time.Time) (config.GroupTLS, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return config.GroupTLS{}, fmt.Errorf("make the internal key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return config.GroupTLS{}, fmt.Errorf("make the internal certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: internalName},
		DNSNames:     []string{internalName},
		NotBefore:    now.Add(-24 * time.Hour),           // a laptop's clock may be set back
		NotAfter:     now.Add(10 * 365 * 24 * time.Hour), // it lives as long as the process
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return config.GroupTLS{}, fmt.Errorf("make the internal certificate: %w", err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return config.GroupTLS{}, fmt.Errorf("encode the internal key: %w", err)
	}
	cert64, key64 := pem64("CERTIFICATE", certificate), pem64("PRIVATE KEY", keyBytes)
	return config.GroupTLS{
		Server: config.ServerTLS{CertData: cert64, KeyData: key64, ClientCAData: []string{cert64}, RequireClientAuth: true},
		Client: config.ClientTLS{RootCAData: []string{cert64}, ServerName: internalName},
	}, nil
}

// pem64 encodes as Temporal's configuration wants it: base64 of PEM.
func pem64(kind string, der []byte) string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
