// Package image builds container images from plain files and pushes them to a registry, with no engine involved.
//
// The same files always give the same bytes, so an image is known by its ID. Only dev/testbed imports the package. It
// starts no goroutines; an Image may be read from several at once.
package image
