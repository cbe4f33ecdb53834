// Package watch tells which files changed: the eyes of the worker.
//
// A Watcher has targets: an image, the Tiltfile, each with files and folders it depends on and a filter. One tree of watches
// serves all of them. What changes within a short time comes as one batch for each target; how short adapts, from 10 ms for
// one save to longer for a checkout of thousands of files. Where changes may have been missed, a batch says so, and the
// receiver looks at everything. So a batch says where to look and is never the last word on what changed: the receiver
// compares digests.
//
// It reads no file and knows nothing of ignore files: filters are functions of the caller.
package watch
