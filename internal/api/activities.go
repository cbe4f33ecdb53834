package api

// Activity types.
const (
	EvaluateActivity     = "evaluate-tiltfile"    // EvaluateIn -> EvaluateOut
	SyncActivity         = "sync-files"           // SyncIn -> SyncOut
	BuildImageActivity   = "build-image"          // BuildImageIn -> BuildImageOut
	PushImageActivity    = "push-image"           // PushImageIn -> nothing
	ApplyActivity        = "apply-objects"        // ApplyIn -> ApplyOut
	DeleteActivity       = "delete-objects"       // DeleteIn -> DeleteOut
	AwaitActivity        = "await-infrastructure" // AwaitIn -> nothing
	EndResourcesActivity = "end-resources"        // EndResourcesIn -> nothing
	RunCommandActivity   = "run-command"          // RunCommandIn -> RunCommandOut
	ServeActivity        = "start-process"        // ServeIn -> ServeOut
	StopActivity         = "stop-processes"       // StopIn -> StopOut
)

// EvaluateIn asks for an evaluation of the Tiltfile.
type EvaluateIn struct {
	Epoch     int64    `json:"epoch"`
	Plan      string   `json:"plan,omitempty"` // digest of the one that resources go by: it stays in force after an error
	Resources []string `json:"resources,omitempty"`
}

// EvaluateOut is what workflows need of a plan. The plan itself is in state.db.
type EvaluateOut struct {
	Plan     string   `json:"plan"`  // digest
	Specs    []Spec   `json:"specs"` // in the order of the Tiltfile
	Warnings int      `json:"warnings,omitempty"`
	NotRun   []string `json:"not_run,omitempty"`  // what this version of envflow cannot run beside resources: objects of v1alpha1, a line for each kind, and restart_container()
	Leftover []string `json:"leftover,omitempty"` // resources that have objects in the cluster and are not wanted any more
}

// Outcomes of a comparison of containers with the disk.
const (
	SyncInSync  = "in_sync" // the containers hold what is on disk, or nothing there concerns them
	SyncUpdated = "updated" // they do now
	SyncWaiting = "waiting" // they will, once a container runs: ContainersChanged says when
	SyncBuild   = "build"   // an image has to be built
)

// SyncIn asks to bring the files on disk into a resource's containers.
type SyncIn struct {
	Resource string `json:"resource"`
	Spec     string `json:"spec"`            // digest
	Seq      int64  `json:"seq"`             // of the worker's journal
	Full     bool   `json:"full,omitempty"`  // look at every file, whatever the journal says
	Check    bool   `json:"check,omitempty"` // only look
}

// SyncOut tells what SyncActivity found and did.
type SyncOut struct {
	Outcome    string          `json:"outcome"`          // SyncInSync, ...
	Reason     string          `json:"reason,omitempty"` // why SyncBuild
	Files      int             `json:"files,omitempty"`
	Containers int             `json:"containers,omitempty"`
	Images     []DeployedImage `json:"images,omitempty"` // what is deployed; empty with SyncBuild
}

// DeployedImage is one version of an image.
type DeployedImage struct {
	Ref         string `json:"ref"`          // plan.Image.Ref
	InputDigest string `json:"input_digest"` // stands for all that went into it
	ImageID     string `json:"image_id"`
	PushRef     string `json:"push_ref"`    // how this machine names it
	ClusterRef  string `json:"cluster_ref"` // how the cluster names it
}

// BuildImageIn asks for an image of a resource.
type BuildImageIn struct {
	Resource string          `json:"resource"`
	Spec     string          `json:"spec"`
	Image    string          `json:"image"`           // plan.Image.Ref
	Bases    []DeployedImage `json:"bases,omitempty"` // images of ours that it may stand on
	Force    bool            `json:"force,omitempty"` // build it although nothing has changed
}

// BuildImageOut is the image.
type BuildImageOut struct {
	Image  DeployedImage `json:"image"`
	Cached bool          `json:"cached,omitempty"` // it had been built before
	Push   bool          `json:"push,omitempty"`   // it has to be pushed
}

// PushImageIn asks to push an image.
type PushImageIn struct {
	Resource string        `json:"resource"`
	Image    DeployedImage `json:"image"`
}

// ApplyIn asks to apply the objects of a resource.
type ApplyIn struct {
	Resource string          `json:"resource"`
	Spec     string          `json:"spec"`
	Images   []DeployedImage `json:"images,omitempty"`
	Adopt    bool            `json:"adopt,omitempty"`
	Recreate bool            `json:"recreate,omitempty"` // delete the objects before
}

// ApplyOut tells what was applied.
type ApplyOut struct {
	Objects int      `json:"objects"`
	Changed int      `json:"changed"` // created, configured or recreated
	Deleted int      `json:"deleted"` // no longer in the plan
	Runtime *Runtime `json:"runtime,omitempty"`
}

// RunCommandIn asks to run the command of a local resource if it has not run as it stands and with what its deps hold.
type RunCommandIn struct {
	Resource string `json:"resource"`
	Spec     string `json:"spec"`            // digest
	Seq      int64  `json:"seq"`             // of the worker's journal
	Full     bool   `json:"full,omitempty"`  // look, whatever the journal says
	Check    bool   `json:"check,omitempty"` // only look
	Retry    bool   `json:"retry,omitempty"` // run it if it has failed, although nothing has changed
	Anew     bool   `json:"anew,omitempty"`  // run it although nothing has changed
}

// RunCommandOut tells what became of it.
type RunCommandOut struct {
	Due     bool     `json:"due,omitempty"` // it has run, or with Check would have
	Runtime *Runtime `json:"runtime"`       // of a resource that serves nothing
}

// ServeIn asks for the server of a local resource to run, in the version that belongs to the last run of its command; of a
// resource that has none, for the one that it had to end.
type ServeIn struct {
	Resource string `json:"resource"`
	Spec     string `json:"spec"`              // digest
	Missing  bool   `json:"missing,omitempty"` // only if none runs, of whatever version
}

// ServeOut tells what runs.
type ServeOut struct {
	Started bool     `json:"started,omitempty"` // else it did already
	Runtime *Runtime `json:"runtime"`
}

// StopIn asks to end the local processes of resources.
type StopIn struct {
	Resources []string `json:"resources,omitempty"` // none: of all
}

// StopOut tells how many there were.
type StopOut struct {
	Processes int `json:"processes"`
	Ending    int `json:"ending,omitempty"` // of them, those that take longer, and are killed in the end
}

// DeleteIn asks to delete objects that this environment has applied, and to end the local processes of the same resources.
type DeleteIn struct {
	Resources        []string `json:"resources,omitempty"` // none: of all resources
	DeleteNamespaces bool     `json:"delete_namespaces,omitempty"`
	Adopt            bool     `json:"adopt,omitempty"` // also objects of the Tiltfile that other environments own
}

// DeleteOut tells how many there were.
type DeleteOut struct {
	Objects   int `json:"objects"`
	Processes int `json:"processes,omitempty"`
	Ending    int `json:"ending,omitempty"` // of them, those that take longer
}

// AwaitIn names what is waited for: failure.Docker or failure.Cluster.
type AwaitIn struct {
	Needs string `json:"needs"`
}

// EndResourcesIn asks to end resource workflows.
type EndResourcesIn struct {
	Environment string   `json:"environment"`
	Resources   []string `json:"resources,omitempty"` // these
	Sweep       bool     `json:"sweep,omitempty"`     // and all others of the environment but Keep
	Keep        []string `json:"keep,omitempty"`
}
