// Package e2e holds no code, only tests that use envflow as people do: they run the real binary on projects of their own, on
// the testbed's engine, registry and cluster, and look at what it prints, what runs in the cluster and what answers.
//
// Nothing imports this package. Every test has its own state folder, hence its own server, and a namespace, ports and names
// of images that no other test uses. When it ends nothing of all that is left. What one package does is tested there.
package e2e
