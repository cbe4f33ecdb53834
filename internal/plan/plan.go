package plan

import "encoding/json"

// Plan is the result of one evaluation of a Tiltfile.
type Plan struct {
	Resources   []Resource       `json:"resources"`                  // in the order of the Tiltfile
	Images      []Image          `json:"images"`                     // in the order of the Tiltfile, also those no resource uses
	Settings    Settings         `json:"settings"`                   //
	Compose     []ComposeProject `json:"compose_projects,omitempty"` // in the order of the Tiltfile
	Objects     []APIObject      `json:"api_objects,omitempty"`      // of v1alpha1, in the order of the Tiltfile
	Extensions  []Extension      `json:"extensions,omitempty"`       // repositories whose extensions were loaded, sorted by URL
	ConfigFiles []string         `json:"config_files"`               // absolute paths that were read or looked for; a change of one evaluates again. One that ends in "/" is a folder with all below it
	Warnings    []string         `json:"warnings"`                   // each with its file:line
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
	Name        string          `json:"name"`
	Type        string          `json:"type"`                    // TypeKubernetes, ...
	Labels      []string        `json:"labels,omitempty"`        //
	Links       []Link          `json:"links,omitempty"`         //
	TriggerMode string          `json:"trigger_mode"`            // TriggerAuto or TriggerManual
	AutoInit    bool            `json:"auto_init"`               // false: the first update waits for a change or a trigger
	DependsOn   []string        `json:"resource_deps,omitempty"` // names of resources that must have been ready once before its first update
	Enabled     bool            `json:"enabled"`                 // false: not asked for on the command line
	Images      []string        `json:"images,omitempty"`        // Image.Ref of the images it needs, in build order
	Kubernetes  *Kubernetes     `json:"kubernetes,omitempty"`    // for TypeKubernetes
	Local       *Local          `json:"local,omitempty"`         // for TypeLocal
	Compose     *ComposeService `json:"compose,omitempty"`       // for TypeCompose
}

// Link is shown beside a resource.
type Link struct {
	URL  string `json:"url"`
	Name string `json:"name,omitempty"`
}

// APIObject is an object that the Tiltfile registers with v1alpha1.
type APIObject struct {
	Kind        string            `json:"kind"` // Cmd, ConfigMap, UIButton, ...
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Spec        json.RawMessage   `json:"spec"` // as in Tilt's API, with camelCase keys
}

// Extension is a repository of extensions that the Tiltfile has loaded some from.
type Extension struct {
	URL    string   `json:"url"`              // of git, or file://
	Ref    string   `json:"ref,omitempty"`    // that was asked for; "": the default branch
	Commit string   `json:"commit,omitempty"` // that was loaded; "" for file://
	Names  []string `json:"names"`            // of the extensions, sorted
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
