// Package supervise keeps a command running on this machine for as long as somebody wants it, whatever becomes of who
// started it.
//
// A shim is the parent of one command. It has a session of its own, takes the command's output into files, and says in a
// state file how it stands. It needs nobody: a worker that is killed finds the command running and its output complete when
// it comes back. Whatever the command leaves behind belongs to the shim, which ends it too.
package supervise
