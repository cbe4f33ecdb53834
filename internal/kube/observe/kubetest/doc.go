// Package kubetest gives the tests of packages below internal/kube a client of the testbed, a namespace of their own, workloads
// of busybox, and a proxy that cuts the way to the API server. Only tests import it.
package kubetest
