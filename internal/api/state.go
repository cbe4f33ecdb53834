package api

import "time"

// EnvironmentIn is the argument of the environment workflow.
type EnvironmentIn struct {
	Environment string            `json:"environment"` // ID
	Project     string            `json:"project"`
	User        string            `json:"user"`       // user@host
	Attributes  bool              `json:"attributes"` // the server knows our search attributes
	State       *EnvironmentState `json:"state,omitempty"`
}

// EnvironmentState is what an environment workflow carries from run to run.
type EnvironmentState struct {
	Epoch     int64           `json:"epoch"` // of the newest worker
	Worker    Worker          `json:"worker"`
	Paused    bool            `json:"paused,omitempty"`
	Resources []string        `json:"resources,omitempty"` // asked for; none: all
	Adopt     bool            `json:"adopt,omitempty"`
	Stopped   bool            `json:"stopped,omitempty"`   // no local process ran when that worker attached
	Dirty     bool            `json:"dirty,omitempty"`     // the Tiltfile has to be evaluated
	Evaluated int64           `json:"evaluated,omitempty"` // epoch of the last evaluation
	Plan      string          `json:"plan,omitempty"`      // digest of the last good one
	Error     string          `json:"error,omitempty"`     // of the last evaluation
	Warnings  int             `json:"warnings,omitempty"`
	NotRun    []string        `json:"not_run,omitempty"`   // of the last good evaluation
	Down      string          `json:"down,omitempty"`      // why the last wish for the end failed
	Entries   []ResourceEntry `json:"entries,omitempty"`   // in the order of the Tiltfile
	Listed    string          `json:"listed,omitempty"`    // what the search attribute says of the state
	Leaving   []string        `json:"leaving,omitempty"`   // resources that are no longer wanted and still have to end
	Undeleted []string        `json:"undeleted,omitempty"` // those that have ended, but whose objects could not be deleted
	Why       string          `json:"why,omitempty"`       // of Undeleted
}

// ResourceEntry is what an environment workflow knows of a resource.
type ResourceEntry struct {
	Spec      Spec           `json:"spec"`
	Started   bool           `json:"started,omitempty"`    // its workflow runs
	Sent      int64          `json:"sent,omitempty"`       // epoch under which its workflow was given Spec
	ReadyOnce bool           `json:"ready_once,omitempty"` // resources that depend on it may go on
	Report    ResourceReport `json:"report,omitzero"`
	Runtime   Runtime        `json:"runtime,omitzero"`
	RuntimeOf int64          `json:"runtime_of,omitempty"` // epoch under which Runtime was observed
}

// ResourceIn is the argument of the resource workflow.
type ResourceIn struct {
	Environment string         `json:"environment"`
	Resource    string         `json:"resource"`
	Attributes  bool           `json:"attributes,omitempty"` // the server knows our search attributes
	State       *ResourceState `json:"state,omitempty"`
}

// ResourceState is what a resource workflow carries from run to run.
type ResourceState struct {
	Epoch      int64       `json:"epoch"`      // of the newest worker it heard of
	Configured int64       `json:"configured"` // epoch in which Spec was confirmed
	Spec       Spec        `json:"spec"`
	Adopt      bool        `json:"adopt,omitempty"`
	Waiting    []string    `json:"waiting,omitempty"` // dependencies that were not ready yet
	Paused     bool        `json:"paused,omitempty"`
	Begun      bool        `json:"begun,omitempty"`   // it has had its first update
	Stopped    bool        `json:"stopped,omitempty"` // its server was stopped when Configured began, as were those that it depends on
	Pending    Pending     `json:"pending,omitzero"`
	Await      bool        `json:"await,omitempty"`   // files wait for a container to run
	Unasked    bool        `json:"unasked,omitempty"` // trigger mode manual: it differs from what is wanted, and nobody has asked for an update
	Update     string      `json:"update,omitempty"`
	Reason     string      `json:"reason,omitempty"`
	Needs      string      `json:"needs,omitempty"`
	Since      time.Time   `json:"since,omitzero"`
	Last       *LastUpdate `json:"last,omitempty"`
	Runtime    *Runtime    `json:"runtime,omitempty"` // what ran right after the last deployment
	Version    int64       `json:"version,omitempty"` // of the newest report
	Listed     string      `json:"listed,omitempty"`  // what the search attribute says of Update
}

// Pending is what the next update of a resource has to do.
type Pending struct {
	Deploy bool  `json:"deploy,omitempty"` // apply its objects
	Full   bool  `json:"full,omitempty"`   // compare every file, whatever the journal says
	Files  bool  `json:"files,omitempty"`  // files have changed
	New    bool  `json:"new,omitempty"`    // a container runs that was not compared yet
	Seq    int64 `json:"seq,omitempty"`    // of the worker's journal
	Asked  bool  `json:"asked,omitempty"`  // somebody asked for it
	Anew   bool  `json:"anew,omitempty"`   // build and create everything again, although nothing has changed
}

// Any is true if there is something to do.
func (p Pending) Any() bool { return p.Deploy || p.Full || p.Files || p.New || p.Asked || p.Anew }

// With is p and q in one.
func (p Pending) With(q Pending) Pending {
	return Pending{
		Deploy: p.Deploy || q.Deploy, Full: p.Full || q.Full, Files: p.Files || q.Files, Seq: max(p.Seq, q.Seq),
		New: p.New || q.New, Asked: p.Asked || q.Asked, Anew: p.Anew || q.Anew,
	}
}
