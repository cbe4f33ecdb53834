// Package local is the family of builtins about commands of this machine that belong to the environment: local_resource, test,
// probe, exec_action, http_get_action, tcp_socket_action. The builtin local, which runs a command while the Tiltfile is
// evaluated, is in package system.
//
// It starts nothing. Nor does the guard of production clusters ask about a local_resource, as in Tilt: that is for Kubernetes
// resources and for local.
package local
