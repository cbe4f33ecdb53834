// Package agent has the envflow-agent that belongs to this envflow.
//
// `make build` puts it into the binary. A binary that was built without it (plain `go build`) looks for an envflow-agent beside
// itself.
package agent
