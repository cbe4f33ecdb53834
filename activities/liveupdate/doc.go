// Package liveupdate brings what is on disk into containers that run: the way from a saved file to running code.
//
// It compares rather than replays. A container holds the files of its image, and what was synced into it since; both are
// recorded. What differs from the disk is sent, whatever the reason: an edit, a container that was started again, a checkout
// while nobody watched. If the steps of the image's live_update do not cover a difference, an image has to be built.
//
// Records that are lost are won back: those of a deployment from its objects, those of an image from its input digest, those
// of a container by reading in it what syncs cover.
package liveupdate
