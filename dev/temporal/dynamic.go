package temporal

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

// dynamicConfig tunes for one developer: the shortest way from a signal to a running activity, and little memory.
//
// Temporal polls each task queue of a shard at no more than 20 requests a second by default, which on the single shard
// here adds some 50 ms to every task. Lifting that costs nothing while there are no tasks: an idle queue is not polled,
// it is woken up.
func dynamicConfig() dynamicconfig.Client {
	const plenty = 2000 // requests a second
	return dynamicconfig.StaticClient{
		dynamicconfig.TransferProcessorMaxPollRPS.Key():       plenty,
		dynamicconfig.TransferProcessorMaxPollHostRPS.Key():   plenty,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():          plenty,
		dynamicconfig.TimerProcessorMaxPollHostRPS.Key():      plenty,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key():     plenty,
		dynamicconfig.VisibilityProcessorMaxPollHostRPS.Key(): plenty,

		// More than one partition would have tasks and pollers look for each other.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

		// A workflow task's answer brings the activities back that the same worker is to run: a trip less through matching.
		dynamicconfig.EnableActivityEagerExecution.Key(): true,

		// A worker that stops is given no task that it would not do: its polls end before it leaves.
		dynamicconfig.EnableCancelWorkerPollsOnShutdown.Key(): true,

		// There is one namespace and one cluster, made before the services start.
		dynamicconfig.NamespaceCacheRefreshInterval.Key():  10 * time.Minute,
		dynamicconfig.ClusterMetadataRefreshInterval.Key(): time.Hour,

		// A search attribute that was just added is found at once.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
	}
}
