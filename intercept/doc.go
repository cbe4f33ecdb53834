// Package intercept is the parent of what lets one service of a cluster run on the laptop: the agent in the cluster, the
// tunnel to it, port-forwards, the swap of a Service and its way back, and outbound access.
//
// Packages here move bytes and change objects, and carry their own undoing; when to do so is decided in workflows. agent and
// tunnel are also built into the small binary cmd/envflow-agent and so import neither client-go nor Temporal.
//
// Packages here may import internal; activities and worker import them.
package intercept
