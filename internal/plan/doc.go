// Package plan is what a Tiltfile asks for: resources, images and settings, as plain data.
//
// starlark makes a Plan; activities carry it out. A Plan may hold secrets (manifests do), so it stays in the worker and in
// state.db; workflows see only the digests of its parts. Nothing here reads a file or asks a server.
package plan
