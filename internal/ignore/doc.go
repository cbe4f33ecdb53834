// Package ignore says which paths a build and a watch leave out.
//
// A Filter is made of lists in the syntax of .dockerignore. Within one list the last pattern that matches a path, or a
// folder above it, decides, and "!" takes a path back; a path that any list ignores is ignored. That is what the docker
// command line does with one list, and Tilt with several. The pattern language is that of github.com/moby/patternmatcher.
package ignore
