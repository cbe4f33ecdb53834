// Package starlark evaluates a Tiltfile and returns a plan: plain data that says which images, objects, services and local
// commands an environment has. It follows Tilt's language, so that existing Tiltfiles work unchanged.
//
// The evaluator is small; each family of builtins is a plugin in a package of its own. Evaluation reads files and runs the
// commands that the Tiltfile asks for, through what the caller hands in, and touches no cluster, engine or server.
//
// It may import internal/plan and nothing else of envflow; activities and worker import it.
package starlark
