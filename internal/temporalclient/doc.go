// Package temporalclient connects to Temporal: to this user's embedded server, or, only when asked, to another one.
//
// It starts no server (internal/server does) and runs no worker. Anything but workflows may import it. The clients it
// returns are safe for concurrent use and reconnect by themselves.
package temporalclient
