// Package temporal runs a Temporal server inside this process: every Temporal service, its state in one SQLite file,
// listening on loopback only, and open only to callers that know the token.
//
// It is not the process around it (package dev) and not a client. Only package dev and tests import it, because it links
// the whole of Temporal. One Server runs per process: Temporal's SQLite plugin keeps its connection until the process ends.
package temporal
