// Package process has the activities of local resources: a command that runs to its end, a server that runs on.
//
// Both run under a shim (internal/supervise), so a worker that is killed neither ends nor doubles them. A command that went well
// is not run again until its spec or what its deps hold has changed; that is recorded. A server belongs to the last run of its
// command: it is started again after the next one.
package process
