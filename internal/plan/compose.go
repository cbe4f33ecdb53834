package plan

import "encoding/json"

// ComposeProject is one Compose project.
type ComposeProject struct {
	Name     string          `json:"name"`
	Files    []string        `json:"files"`              // absolute paths; a Blob has none
	Dir      string          `json:"dir"`                // absolute path that the project's own paths start from
	EnvFile  string          `json:"env_file,omitempty"` // absolute path
	Profiles []string        `json:"profiles,omitempty"` //
	Wait     bool            `json:"wait,omitempty"`     // services are ready when healthy
	Model    json.RawMessage `json:"model"`              // the whole project, merged and with variables filled in
}

// ComposeService is the part of a resource that runs as a service of a Compose project.
type ComposeService struct {
	Project string   `json:"project"`           // ComposeProject.Name
	Service string   `json:"service"`           // its name there
	Image   string   `json:"image,omitempty"`   // Image.Ref that takes the place of the service's own image; "": none
	Build   string   `json:"build,omitempty"`   // absolute path of the context that Compose itself builds; "": none
	Ignores []Ignore `json:"ignores,omitempty"` // of the context that Compose builds
}
