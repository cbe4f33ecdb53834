// Package podlog follows the logs of containers.
//
// A stream that ends or falls silent is opened again from the last second it had lines of, and the lines that were handed
// out before are recognised by their time and text. So none is lost or handed out twice, except where the kubelet has
// rotated its file away meanwhile.
package podlog
