package worker

import (
	"github.com/envflow/envflow/internal/api"
	"github.com/envflow/envflow/internal/failure"
)

// retries remembers why an activity of a resource is tried again, for the status: workflows learn of the last attempt only.
func (h *Host) retries(resource string, err error) {
	h.retrying.Lock()
	defer h.retrying.Unlock()
	f := failure.Of(err)
	if err == nil || f.Class != failure.Transient {
		delete(h.retrying.why, resource)
		return
	}
	if h.retrying.why == nil {
		h.retrying.why = map[string]string{}
	}
	h.retrying.why[resource] = f.Summary
}

// withRetries adds to the status what is being tried again.
func (h *Host) withRetries(s api.Status) api.Status {
	h.retrying.Lock()
	defer h.retrying.Unlock()
	for i := range s.Resources {
		if r := &s.Resources[i]; r.Update == api.StateInProgress && h.retrying.why[r.Name] != "" {
			r.Reason = "retrying: " + h.retrying.why[r.Name]
		}
	}
	return s
}
