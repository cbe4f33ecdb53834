// Package image holds the activities that build and push images.
//
// What was built is recorded by the digest of all that went into it. An image whose input digest is known, and which the
// engine still has, is not built again. A tag in the engine says the same, should the record be lost.
package image
