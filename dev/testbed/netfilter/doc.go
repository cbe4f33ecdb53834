// Package netfilter edits the host's iptables rules: it adds single rules once, and takes away whole families of chains
// that a killed daemon left behind.
//
// Only dev/testbed imports the package. It calls the iptables commands, which serialise themselves by a lock.
package netfilter
