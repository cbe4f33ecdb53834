package plan

// Image is one docker_build or custom_build. What is about Dockerfiles is empty for the latter.
type Image struct {
	Ref            string            `json:"ref"`                         // as the Tiltfile has it
	MatchExact     bool              `json:"match_exact,omitempty"`       // true: only this very tag in YAML is meant, else any tag of the repository
	MatchInEnvVars bool              `json:"match_in_env_vars,omitempty"` //
	Context        string            `json:"context"`                     // absolute path of a folder; "" for an empty context
	DockerfilePath string            `json:"dockerfile_path,omitempty"`   // absolute; "" if its text is in the Tiltfile
	Dockerfile     string            `json:"dockerfile"`                  // its text when the Tiltfile was evaluated
	BuildArgs      map[string]string `json:"build_args,omitempty"`        // the value "" means: from the environment of the worker
	Target         string            `json:"target,omitempty"`            //
	Platform       string            `json:"platform,omitempty"`          // "": that of the cluster
	Network        string            `json:"network,omitempty"`           //
	ExtraTags      []string          `json:"extra_tags,omitempty"`        //
	CacheFrom      []string          `json:"cache_from,omitempty"`        //
	ExtraHosts     []string          `json:"extra_hosts,omitempty"`       // host:ip
	SSH            []string          `json:"ssh,omitempty"`               // as docker build --ssh
	Secrets        []string          `json:"secrets,omitempty"`           // as docker build --secret
	Pull           bool              `json:"pull,omitempty"`              //
	Entrypoint     []string          `json:"entrypoint,omitempty"`        // becomes the container's command
	ContainerArgs  []string          `json:"container_args,omitzero"`     // becomes the container's args, also if it is empty; nil: the YAML says
	Ignores        []Ignore          `json:"ignores,omitempty"`           // of the build context and of the watch: a path that one of them ignores is ignored
	WatchIgnores   []Ignore          `json:"watch_ignores,omitempty"`     // of the watch only
	LiveUpdate     []Step            `json:"live_update,omitempty"`       // empty: no live update
	Custom         *CustomBuild      `json:"custom_build,omitempty"`      // nil: docker_build
}

// CustomBuild is a command of this machine that builds an image.
type CustomBuild struct {
	Command          *Command `json:"command"`                        //
	Deps             []string `json:"deps"`                           // absolute paths; Image.Ignores hold for them
	Tag              string   `json:"tag,omitempty"`                  // that the command gives the image; "": the one it is told
	OutputsRefTo     string   `json:"outputs_image_ref_to,omitempty"` // absolute path of the file the command writes the image's ref to
	ImageDeps        []string `json:"image_deps,omitempty"`           // Image.Ref, in the order of TILT_IMAGE_0, ...
	DisablePush      bool     `json:"disable_push,omitempty"`         //
	SkipsLocalDocker bool     `json:"skips_local_docker,omitempty"`   // the image is not in the engine
}
