package plan

// Settings are those of the whole environment.
type Settings struct {
	DefaultRegistry        *Registry `json:"default_registry,omitempty"` //
	MaxParallelUpdates     int       `json:"max_parallel_updates"`       // at least 1
	UpsertTimeoutSeconds   int       `json:"k8s_upsert_timeout_secs"`    // per object that is applied
	ServerSideApply        string    `json:"k8s_server_side_apply"`      // auto, true or false
	SuppressUnusedWarnings []string  `json:"suppress_unused_image_warnings,omitempty"`

	Env   map[string]string `json:"env,omitempty"`   // variables that os.putenv and os.environ have set, for all commands of this machine
	Unset []string          `json:"unset,omitempty"` // those that the Tiltfile removed

	CI          CISettings      `json:"ci"`
	Prune       PruneSettings   `json:"docker_prune"`
	KeepSecrets bool            `json:"disable_secret_scrub,omitempty"` // secrets are not taken out of logs
	Features    map[string]bool `json:"features,omitempty"`             // of enable_feature and disable_feature
	Telemetry   *Telemetry      `json:"telemetry,omitempty"`
}

// CISettings are those of a run that ends by itself. Durations are in seconds; 0 means no limit.
type CISettings struct {
	GracePeriod      float64 `json:"k8s_grace_period,omitempty"` // how long a pod may fail after its deploy
	Timeout          float64 `json:"timeout"`                    // of everything
	ReadinessTimeout float64 `json:"readiness_timeout"`          // of a server to become ready
}

// PruneSettings say which images that envflow built are removed.
type PruneSettings struct {
	Disable    bool `json:"disable,omitempty"`
	MaxAge     int  `json:"max_age_mins"`         // minutes
	NumBuilds  int  `json:"num_builds,omitempty"` // after how many builds; 0: by time only
	Interval   int  `json:"interval_hrs"`         // hours
	KeepRecent int  `json:"keep_recent"`          // images of each name
}

// Telemetry is a command that is given spans of builds, as lines of JSON.
type Telemetry struct {
	Command *Command `json:"cmd"`
	Period  float64  `json:"period"` // seconds
}

// Registry is where images are pushed to.
type Registry struct {
	Host            string `json:"host"`
	HostFromCluster string `json:"host_from_cluster,omitempty"` // how the cluster names it, if otherwise
	SingleName      string `json:"single_name,omitempty"`       // one repository for all images
}
