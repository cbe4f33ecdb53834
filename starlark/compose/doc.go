// Package compose is the family of builtins about Docker Compose: docker_compose, dc_resource. Each service becomes a resource.
//
// Compose's own library reads the files, so that they mean what they mean to docker compose. This package says which files belong
// together, notes all that is read, and puts services and images together. It runs no docker.
package compose
