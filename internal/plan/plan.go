package plan

import "encoding/json"

// Plan is the result of one evaluation of a Tiltfile.
type Plan struct {
	Resources   []Resource `json:"resources"`    // in the order of the Tiltfile
	Images      []Image    `json:"images"`       // in the order of the Tiltfile, also those no resource uses
	Settings    Settings   `json:"settings"`     //
	ConfigFiles []string   `json:"config_files"` // absolute paths that were read or looked for; a change of one evaluates again. One that ends in "/" is a folder with all below it
	Warnings    []string   `json:"warnings"`     // each with its file:line
}

// Types of resources, as people see them.
const (
	TypeKubernetes = "k8s"
	TypeLocal      = "local"
	TypeCompose    = "compose"
)

// Uncategorized is the resource of the objects that belong to no other. It is applied before all others.
const Uncategorized = "uncategorized"

// Trigger modes: what a change of files does to a resource.
const (
	TriggerAuto   = "auto"   // updates it
	TriggerManual = "manual" // marks it as pending until it is triggered
)

// Resource is what is brought up, updated and shown as one.
type Resource struct {
	Name        string      `json:"name"`
	Type        string      `json:"type"`                    // TypeKubernetes, ...
	Labels      []string    `json:"labels,omitempty"`        //
	Links       []Link      `json:"links,omitempty"`         //
	TriggerMode string      `json:"trigger_mode"`            // TriggerAuto or TriggerManual
	AutoInit    bool        `json:"auto_init"`               // false: the first update waits for a change or a trigger
	DependsOn   []string    `json:"resource_deps,omitempty"` // names of resources that must have been ready once before its first update
	Enabled     bool        `json:"enabled"`                 // false: not asked for on the command line
	Images      []string    `json:"images,omitempty"`        // Image.Ref of the images it needs, in build order
	Kubernetes  *Kubernetes `json:"kubernetes,omitempty"`    // for TypeKubernetes
	Local       *Local      `json:"local,omitempty"`         // for TypeLocal
}

// Link is shown beside a resource.
type Link struct {
	URL  string `json:"url"`
	Name string `json:"name,omitempty"`
}

// Pod readiness: what a Kubernetes resource waits for before it is ready.
const (
	ReadinessWait      = "wait"      // all pods ready
	ReadinessSucceeded = "succeeded" // pods ended with exit code 0
	ReadinessIgnore    = "ignore"    // nothing
)

// Kubernetes is the part of a resource that lives in the cluster.
type Kubernetes struct {
	Objects           []Object            `json:"objects"`                       // in the order of the YAML
	PortForwards      []PortForward       `json:"port_forwards,omitempty"`       //
	PodReadiness      string              `json:"pod_readiness"`                 // ReadinessWait, ...
	ExtraPodSelectors []map[string]string `json:"extra_pod_selectors,omitempty"` // a pod that matches one of them belongs to the resource
	DiscoveryStrategy string              `json:"discovery_strategy,omitempty"`  // "" or "default": owner references; "selectors-only"
}

// Object is one Kubernetes object as the YAML has it: no label, image or default of ours is in it yet.
type Object struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Namespace  string          `json:"namespace,omitempty"` // "" if the YAML names none
	Name       string          `json:"name"`
	JSON       json.RawMessage `json:"json"` // the whole object
}

// PortForward makes a port of a pod reachable on this machine.
type PortForward struct {
	LocalPort     int    `json:"local_port"`
	ContainerPort int    `json:"container_port,omitempty"` // 0: the same port if the pod exposes it, else the first exposed, else LocalPort
	Host          string `json:"host,omitempty"`           // "": localhost
	Name          string `json:"name,omitempty"`
	LinkPath      string `json:"link_path,omitempty"`
}

// Image is one docker_build.
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
	ContainerArgs  []string          `json:"container_args,omitempty"`    // becomes the container's args
	Ignores        []Ignore          `json:"ignores,omitempty"`           // of the build context and of the watch: a path that one of them ignores is ignored
	WatchIgnores   []Ignore          `json:"watch_ignores,omitempty"`     // of the watch only
	LiveUpdate     []Step            `json:"live_update,omitempty"`       // empty: no live update
}

// Ignore is one list of patterns in the syntax of .dockerignore, relative to Base. As there, a later pattern that begins
// with "!" takes back what an earlier one of the same list ignored.
type Ignore struct {
	Base     string   `json:"base"`     // absolute path of a folder
	Patterns []string `json:"patterns"` //
	Source   string   `json:"source"`   // where they come from, for people: a path or "docker_build(only=...)"
}

// Kinds of live update steps.
const (
	StepFallBackOn       = "fall_back_on"
	StepInitialSync      = "initial_sync"
	StepSync             = "sync"
	StepRun              = "run"
	StepRestartContainer = "restart_container"
)

// Step is one step of a live update. Paths are absolute.
type Step struct {
	Kind     string   `json:"kind"`               // StepSync, ...
	Local    string   `json:"local,omitempty"`    // sync: a file or folder of this machine
	Remote   string   `json:"remote,omitempty"`   // sync: where it goes in the container; ends in "/" if Local goes below it under its own name
	Command  []string `json:"command,omitempty"`  // run: argv
	Triggers []string `json:"triggers,omitempty"` // run: only if a file below one of these changed; none: always
	Paths    []string `json:"paths,omitempty"`    // fall_back_on
	EchoOff  bool     `json:"echo_off,omitempty"` // run: the command is not printed
}

// Settings are those of the whole environment.
type Settings struct {
	DefaultRegistry        *Registry `json:"default_registry,omitempty"` //
	MaxParallelUpdates     int       `json:"max_parallel_updates"`       // at least 1
	UpsertTimeoutSeconds   int       `json:"k8s_upsert_timeout_secs"`    // per object that is applied
	ServerSideApply        string    `json:"k8s_server_side_apply"`      // auto, true or false
	SuppressUnusedWarnings []string  `json:"suppress_unused_image_warnings,omitempty"`

	Env   map[string]string `json:"env,omitempty"`   // variables that os.putenv and os.environ have set, for all commands of this machine
	Unset []string          `json:"unset,omitempty"` // those that the Tiltfile removed
}

// Registry is where images are pushed to.
type Registry struct {
	Host            string `json:"host"`
	HostFromCluster string `json:"host_from_cluster,omitempty"` // how the cluster names it, if otherwise
	SingleName      string `json:"single_name,omitempty"`       // one repository for all images
}

// Resource returns the resource name, nil if there is none.
func (p *Plan) Resource(name string) *Resource {
	for i := range p.Resources {
		if p.Resources[i].Name == name {
			return &p.Resources[i]
		}
	}
	return nil
}

// Image returns the image ref, nil if there is none.
func (p *Plan) Image(ref string) *Image {
	for i := range p.Images {
		if p.Images[i].Ref == ref {
			return &p.Images[i]
		}
	}
	return nil
}
