// Package workflows decides: when to build, apply, sync, wait, retry, undo and end. Its workflows run on the embedded
// Temporal server or on any other, for as long as an environment lives, and go on after every process of it was killed.
//
// The code here is deterministic. It reads no clock, no file, no variable and no random number, starts no goroutine of its
// own, and reaches the world only through activities, which it names by methods of nil pointers. What it knows across
// continue-as-new is one serialisable State per workflow with digests and counters, below 64 KiB, without logs, manifests,
// file contents, values of variables or secrets.
//
// It may import activities, internal/plan and internal/api; worker alone imports it.
package workflows
