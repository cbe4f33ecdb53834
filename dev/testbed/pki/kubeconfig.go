package pki

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

// Kubeconfig returns a kubeconfig for the server with the certificate of the given file base name inside, and one
// context for each name; the first is the current one.
func (a *Authority) Kubeconfig(server, file string, contexts ...string) ([]byte, error) {
	var data [3]string
	for i, name := range []string{"ca.crt", file + ".crt", file + ".key"} {
		content, err := os.ReadFile(a.File(name))
		if err != nil {
			return nil, fmt.Errorf("read certificate for kubeconfig: %w", err)
		}
		data[i] = base64.StdEncoding.EncodeToString(content)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Config\ncurrent-context: %s\n", contexts[0])
	fmt.Fprintf(&b, "clusters:\n- name: testbed\n  cluster:\n    server: %s\n    certificate-authority-data: %s\n", server, data[0])
	fmt.Fprintf(&b, "users:\n- name: %s\n  user:\n    client-certificate-data: %s\n    client-key-data: %s\n", file, data[1], data[2])
	b.WriteString("contexts:\n")
	for _, name := range contexts {
		fmt.Fprintf(&b, "- name: %s\n  context:\n    cluster: testbed\n    user: %s\n", name, file)
	}
	return []byte(b.String()), nil
}
