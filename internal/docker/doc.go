// Package docker builds, tags, pushes and looks at images through the API of a docker engine.
//
// Where the engine is, follows the docker command line: DOCKER_HOST, the docker context, the usual sockets. Builds go through
// the engine's own BuildKit, with a session of ours that sends changed files only, and through the classic builder where
// there is none. What an error means for the caller, internal/failure says.
package docker
