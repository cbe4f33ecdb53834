// Package environment knows which environments this user has: how one gets its ID, where its files are, and which are known.
//
// An environment is found again from user, machine, path of the Tiltfile and name, without a registry (docs/adr/0005). What is
// written down is only what that cannot tell: where it was last brought up. A lost record loses no environment.
//
// It touches neither Temporal nor Kubernetes, and any package may import it. Its functions are safe for concurrent use.
package environment
