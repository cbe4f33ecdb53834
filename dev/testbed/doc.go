// Command testbed runs what envflow's end-to-end tests need on a machine that can pull no images: a Docker engine, an
// image registry and a Kubernetes node with cluster DNS.
//
//	go run ./dev/testbed                          adopt, repair or start the testbed; write .testbed/kubeconfig
//	go run ./dev/testbed status [NAME]            say how it is; exit status 1 if it is not healthy
//	go run ./dev/testbed kill|stop|start|restart NAME
//	go run ./dev/testbed kubectl ...              kubectl with .testbed/kubeconfig
//	go run ./dev/testbed down                     stop everything and take its traces off the machine
//
// The testbed belongs to the machine and not to a checkout: its state is in /var/lib/envflow-testbed, what it built and
// downloaded in /var/cache/envflow-testbed, and internal/testenv/testbedlock is its one lock. It runs on Linux as root;
// the Kubernetes components and CoreDNS are Go modules compiled on the spot (kubernetes/, coredns/), everything else
// comes from Debian packages.
//
// Nothing imports this package. Its own imports stay light, no client-go, so that `go run` is quick. There is no
// supervisor: a daemon that dies stays dead until the next `up`, which is what fault tests want.
package main
