package worker

import (
	"sync"
	"time"

	"github.com/envflow/envflow/internal/api"
)

// reports are what this worker has observed of resources, on their way to the environment's workflow.
type reports struct {
	mu      sync.Mutex
	version int64                  // of the last
	unsent  map[string]api.Runtime // by resource
}

// report says how a resource is doing, newer than all reports before.
func (h *Host) report(resource, state string, ready bool, reason string) api.Runtime {
	h.reports.mu.Lock()
	defer h.reports.mu.Unlock()
	h.reports.version = max(h.reports.version+1, time.Now().UnixNano())
	return api.Runtime{Resource: resource, Version: h.reports.version, State: state, Ready: ready, Reason: reason}
}

// queueReport sends a report, along with others of which the same has to be said.
func (h *Host) queueReport(report api.Runtime) {
	h.reports.mu.Lock()
	if h.reports.unsent == nil {
		h.reports.unsent = map[string]api.Runtime{}
	}
	if h.reports.unsent[report.Resource].Version < report.Version {
		h.reports.unsent[report.Resource] = report
	}
	h.reports.mu.Unlock()
	h.outbox.send(h.workflowID(), api.RuntimeReportSignal, func() any {
		epoch := h.epoch.Load()
		if epoch == 0 {
			return nil // attaching reports everything
		}
		h.reports.mu.Lock()
		defer h.reports.mu.Unlock()
		if len(h.reports.unsent) == 0 {
			return nil
		}
		m := api.RuntimeReports{Epoch: epoch}
		for _, report := range h.reports.unsent {
			m.Resources = append(m.Resources, report)
		}
		clear(h.reports.unsent)
		return m
	})
}
