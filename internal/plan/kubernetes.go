package plan

import "encoding/json"

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
	Custom            *CustomDeploy       `json:"custom_deploy,omitempty"`       // nil: Objects are applied; else commands do it, and Objects is empty
}

// CustomDeploy is a k8s_custom_deploy: commands of this machine apply and delete.
type CustomDeploy struct {
	Apply             *Command `json:"apply_cmd"`                    // prints the YAML of what it applied
	Delete            *Command `json:"delete_cmd"`                   //
	Deps              []string `json:"deps,omitempty"`               // absolute paths; a change applies again
	Ignores           []Ignore `json:"ignores,omitempty"`            // of Deps
	ImageDeps         []string `json:"image_deps,omitempty"`         // Image.Ref, in the order of TILT_IMAGE_0, ...
	ImageSelector     string   `json:"image_selector,omitempty"`     // LiveUpdate is for the containers of this image
	ContainerSelector string   `json:"container_selector,omitempty"` // or for those of this name
	LiveUpdate        []Step   `json:"live_update,omitempty"`        //
}

// Object is one Kubernetes object as the YAML has it: no label, image or default of ours is in it yet.
type Object struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Namespace  string          `json:"namespace,omitempty"` // "" if the YAML names none
	Name       string          `json:"name"`
	JSON       json.RawMessage `json:"json"`                     // the whole object
	Locators   []ImageLocator  `json:"image_locators,omitempty"` // where it names images besides its containers
}

// ImageLocator is a place in an object where an image is named.
type ImageLocator struct {
	Path      string `json:"path"`                 // JSONPath, such as {.spec.image}
	RepoField string `json:"repo_field,omitempty"` // if Path is an object: its fields for name and tag
	TagField  string `json:"tag_field,omitempty"`
}

// PortForward makes a port of a pod reachable on this machine.
type PortForward struct {
	LocalPort     int    `json:"local_port"`
	ContainerPort int    `json:"container_port,omitempty"` // 0: the same port if the pod exposes it, else the first exposed, else LocalPort
	Host          string `json:"host,omitempty"`           // "": localhost
	Name          string `json:"name,omitempty"`
	LinkPath      string `json:"link_path,omitempty"`
}
