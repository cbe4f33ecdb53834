// Package images is the family of builtins that say how images are built and updated in place: docker_build, default_registry,
// and the steps of a live update.
//
// It also knows which image of an environment a container means, and what else must be built first.
package images
