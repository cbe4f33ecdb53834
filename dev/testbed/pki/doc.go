// Package pki makes the testbed's certificates and the kubeconfigs that carry them.
//
// One certificate authority signs everything; a certificate is made again only when it no longer says what it should,
// for instance after the node's address changed. Only dev/testbed imports the package. It starts no goroutines and its
// functions must not be called at the same time for the same folder.
package pki
