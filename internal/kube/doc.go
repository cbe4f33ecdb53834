// Package kube is envflow's connection to a Kubernetes cluster: which cluster is meant, what runs there under our label,
// and how objects get there and away again.
//
// Load finds the cluster of a kubeconfig, Connect makes clients that never block, Inject turns what a Tiltfile asks for into
// the objects that the cluster gets, Apply and Delete carry them there and away. Watching pods, logs and forwards is in the
// sub-folders, which get the clients from here. Nothing here decides when to apply, reads a Tiltfile or builds an image.
//
// Every object that Apply writes carries the label envflow.dev/environment. What carries the label of another environment is
// refused; what carries none is taken over. Errors are classified by internal/failure: their summaries name kinds, names and
// fields, never a value.
package kube
