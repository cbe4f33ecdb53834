// Package worker runs one environment on the laptop: it serves the environment's task queue with workflows and activities,
// fills the activities' interfaces with real clients, keeps the environment's records, and observes files, pods and logs.
//
// Observers start from the desired state at any moment, reconnect for ever, and tell workflows of transitions only. There is
// one worker per environment, which its lock ensures; it holds no decision, so that killing it loses none.
//
// It may import workflows, activities, starlark, intercept and internal; only cmd/envflow imports it.
package worker
