// Package state knows where envflow keeps its files and how it writes them: private to one user, and never half.
//
// It is not a store: each owner of a file decides what is in it. Any package may import it; it imports neither Temporal
// nor Kubernetes. All functions are safe for concurrent use.
package state
