package activities

import (
	"sync"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/plan"
)

// Plans holds the plan in force. Workflows name what they mean by a digest, because a plan must not enter a history.
type Plans struct {
	mu    sync.Mutex
	now   *plan.Plan
	specs map[string]string // resource -> digest of its spec in now
}

// Use puts a plan into force.
func (p *Plans) Use(now *plan.Plan) {
	specs := make(map[string]string, len(now.Resources))
	for _, r := range now.Resources {
		specs[r.Name] = now.SpecDigest(r.Name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now, p.specs = now, specs
}

// Now returns the plan in force, nil before the first.
func (p *Plans) Now() *plan.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// Resource returns a resource and its plan, if spec is still its spec. Else the failure is failure.Superseded: its
// workflow hears of the other spec in a moment.
func (p *Plans) Resource(name, spec string) (*plan.Plan, *plan.Resource, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil || p.specs[name] != spec {
		return nil, nil, failure.SupersededError("the Tiltfile has changed meanwhile")
	}
	return p.now, p.now.Resource(name), nil
}

// Sources of log lines.
const (
	SourceBuild   = "build"
	SourceRuntime = "runtime"
	SourceEngine  = "engine"
)

// Log takes a line about a resource.
type Log func(resource, source, line string)
