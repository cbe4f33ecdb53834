package api

import "time"

// Workflow types.
const (
	EnvironmentWorkflow = "environment" // EnvironmentIn -> nothing
	ResourceWorkflow    = "resource"    // ResourceIn -> nothing
)

// Messages of the environment workflow.
const (
	AttachUpdate         = "attach"          // AttachIn -> AttachOut: a worker is there
	TriggerUpdate        = "trigger"         // TriggerIn -> nothing: update resources now
	SetArgsUpdate        = "set-args"        // SetArgsIn -> nothing: evaluate with other arguments
	PauseUpdate          = "pause"           // PauseIn -> nothing: the worker is about to leave
	DownUpdate           = "down"            // DownIn -> DownOut: delete everything and end
	ConfigChangedSignal  = "config-changed"  // ConfigChanged: evaluate again
	ResourceReportSignal = "resource-report" // ResourceReport, by resource workflows
	RuntimeReportSignal  = "runtime-report"  // RuntimeReports, by the worker
	StatusQuery          = "status"          // nothing -> Status
)

// Messages of the resource workflow.
const (
	FilesChangedSignal      = "files-changed"      // FilesChanged
	ContainersChangedSignal = "containers-changed" // ContainersChanged
	TriggerSignal           = "trigger"            // Trigger
	ConfigureSignal         = "configure"          // Configure: what to do, at first and after each evaluation
	DependencyReadySignal   = "dependency-ready"   // DependencyReady
	WorkerAttachedSignal    = "worker-attached"    // WorkerAttached
	PauseSignal             = "pause"              // Pause
	EndUpdate               = "end"                // nothing -> nothing: stop what runs and complete
)

// ContinueAsNewSignal makes an environment or resource workflow begin a new run as soon as it can. Nothing sends it but
// people who look after a server, and tests.
const ContinueAsNewSignal = "continue-as-new"

// EnvironmentWorkflowID is also the name of the environment's task queue.
func EnvironmentWorkflowID(environment string) string { return "envflow/" + environment }

// ResourceWorkflowID returns the ID of the workflow of a resource.
func ResourceWorkflowID(environment, resource string) string {
	return EnvironmentWorkflowID(environment) + "/resource/" + resource
}

// Worker is the process that runs an environment's workflows and activities.
type Worker struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

// TiltfileName names the Tiltfile where a resource can be named, as in Tilt.
const TiltfileName = "(Tiltfile)"

// AttachIn announces a worker.
type AttachIn struct {
	Epoch     int64    `json:"epoch"` // greater than that of every worker before
	Worker    Worker   `json:"worker"`
	SetArgs   bool     `json:"set_args"`            // Resources replace those of the last worker
	Resources []string `json:"resources,omitempty"` // to enable; none: all
	Adopt     bool     `json:"adopt,omitempty"`     // take over objects of other environments
	Stopped   bool     `json:"stopped,omitempty"`   // no local process of the environment runs
}

// AttachOut answers AttachIn.
type AttachOut struct {
	Known bool `json:"known"` // the environment was up before
}

// SetArgsIn replaces the resources that were asked for. Arguments of the Tiltfile may be secrets: they stand in the worker's
// records, not in a history.
type SetArgsIn struct {
	Resources []string `json:"resources,omitempty"`
}

// TriggerIn asks for updates.
type TriggerIn struct {
	Resources []string `json:"resources"` // names; TiltfileName is the Tiltfile
}

// PauseIn says who leaves. Only the worker of that epoch pauses the environment.
type PauseIn struct {
	Epoch int64 `json:"epoch"`
}

// DownIn asks for the end.
type DownIn struct {
	DeleteNamespaces bool `json:"delete_namespaces,omitempty"`
	Adopt            bool `json:"adopt,omitempty"`
}

// DownOut tells what was deleted.
type DownOut struct {
	Objects   int `json:"objects"`
	Processes int `json:"processes,omitempty"` // that were ended
	Ending    int `json:"ending,omitempty"`    // of them, those that take longer
}

// ConfigChanged says that a file which the Tiltfile read has changed.
type ConfigChanged struct {
	Seq int64 `json:"seq"` // grows with each
}

// FilesChanged says that files of a resource have changed. Which ones stands in the worker's journal.
type FilesChanged struct {
	Epoch int64 `json:"epoch"` // of the worker whose journal it is
	Seq   int64 `json:"seq"`   // all entries up to this one
}

// ContainersChanged says that a container runs whose files were not yet compared with the disk.
type ContainersChanged struct {
	Epoch int64 `json:"epoch"`
}

// Trigger asks for an update now.
type Trigger struct{}

// Pause makes a resource stop what can be stopped, until a worker attaches.
type Pause struct {
	Epoch int64 `json:"epoch"` // of the worker that leaves
}

// DependencyReady names resources that have been ready once.
type DependencyReady struct {
	Resources []string `json:"resources"`
}

// WorkerAttached makes a resource drop what an older worker was at, and look at everything again.
type WorkerAttached struct {
	Epoch int64 `json:"epoch"`
}

// Spec is what workflows know of a resource.
type Spec struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Digest      string   `json:"digest"`
	TriggerMode string   `json:"trigger_mode"`
	AutoInit    bool     `json:"auto_init"`
	Enabled     bool     `json:"enabled"`
	DependsOn   []string `json:"depends_on,omitempty"`
	Images      []string `json:"images,omitempty"`
	Objects     bool     `json:"objects,omitempty"` // it has objects in the cluster
	Command     bool     `json:"command,omitempty"` // it has a command to run, or files that its server depends on
	Serve       bool     `json:"serve,omitempty"`   // it has a server on this machine
	NotRun      string   `json:"not_run,omitempty"` // why this version of envflow cannot run it; "": it can
}

// Configure tells a resource what to do.
type Configure struct {
	Epoch   int64    `json:"epoch"`
	Spec    Spec     `json:"spec"`
	Waiting []string `json:"waiting,omitempty"` // dependencies that have not been ready yet
	Adopt   bool     `json:"adopt,omitempty"`
	Stopped bool     `json:"stopped,omitempty"` // no local process of the environment ran when the worker attached
}

// States of updates and of what runs.
const (
	StateNone       = "none"
	StatePending    = "pending"
	StateInProgress = "in_progress" // updates only
	StateOK         = "ok"
	StateError      = "error"
)

// Kinds of updates.
const (
	KindBuild      = "build"
	KindLiveUpdate = "live_update"
	KindCommand    = "command"
)

// LastUpdate is the newest finished update of a resource.
type LastUpdate struct {
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Kind    string    `json:"kind"` // KindBuild, ...
}

// ResourceReport tells the environment how a resource's updates stand.
type ResourceReport struct {
	Resource string      `json:"resource"`
	Version  int64       `json:"version"` // grows with each; an older one says nothing
	Epoch    int64       `json:"epoch"`   // the worker under which this holds
	Spec     string      `json:"spec"`    // digest of the spec it worked on
	Update   string      `json:"update"`  // StateNone, ...
	Reason   string      `json:"reason,omitempty"`
	Needs    string      `json:"needs,omitempty"` // infrastructure that is waited for: failure.Docker, ...
	Since    time.Time   `json:"since,omitzero"`  // since when Update is what it is
	Last     *LastUpdate `json:"last,omitempty"`
	Runtime  *Runtime    `json:"runtime,omitempty"` // what ran right after the update
}

// Runtime is what the worker observes of a resource.
type Runtime struct {
	Resource string `json:"resource"`
	Version  int64  `json:"version"` // grows with each; an older one says nothing
	State    string `json:"state"`   // StateNone, ...
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason,omitempty"`
}

// RuntimeReports are transitions that the worker saw.
type RuntimeReports struct {
	Epoch     int64     `json:"epoch"`
	Resources []Runtime `json:"resources"`
}

// States of an environment.
const (
	EnvironmentRunning = "running"
	EnvironmentPaused  = "paused"
	EnvironmentDown    = "down"
)

// Status is the whole state of an environment, as the query returns it and state.db keeps the last one.
type Status struct {
	Environment string           `json:"environment"`
	State       string           `json:"state"` // EnvironmentRunning, ...
	Epoch       int64            `json:"epoch"`
	Worker      Worker           `json:"worker"`
	Evaluated   bool             `json:"evaluated"`           // the Tiltfile was evaluated since this worker attached, with or without an error
	Evaluating  bool             `json:"evaluating"`          // it is being evaluated, or will be
	Error       string           `json:"error,omitempty"`     // of the last evaluation, without a line of the file
	Warnings    int              `json:"warnings,omitempty"`  // of the last evaluation
	NotRun      []string         `json:"not_run,omitempty"`   // what this version of envflow cannot run beside resources: objects of v1alpha1, a line for each kind, and restart_container()
	Down        string           `json:"down,omitempty"`      // why it could not be taken down; nothing is done until somebody asks for more
	Undeleted   []string         `json:"undeleted,omitempty"` // resources that are gone, but for objects that could not be deleted
	Why         string           `json:"why,omitempty"`       // of Undeleted
	Resources   []ResourceStatus `json:"resources"`           // in the order of the Tiltfile
}

// ResourceStatus is the state of one resource.
type ResourceStatus struct {
	Name      string      `json:"name"`
	Type      string      `json:"type"`
	Enabled   bool        `json:"enabled"`
	Labels    []string    `json:"labels,omitempty"`
	Endpoints []string    `json:"endpoints,omitempty"`
	Confirmed bool        `json:"confirmed"` // the worker has compared it with its records, and nothing has been asked for since
	Update    string      `json:"update"`
	Runtime   string      `json:"runtime"`
	Ready     bool        `json:"ready"`            // confirmed, updated and running
	Reason    string      `json:"reason,omitempty"` // why not
	Needs     string      `json:"needs,omitempty"`
	Since     time.Time   `json:"since,omitzero"` // since when its update stands so
	Last      *LastUpdate `json:"last,omitempty"`
}
