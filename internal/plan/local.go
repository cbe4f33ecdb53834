package plan

// Local is the part of a resource that runs on this machine: a command that is run to its end, one that serves, or both. At
// least one of Update and Serve is there.
type Local struct {
	Update        *Command `json:"cmd,omitempty"`             // runs to its end, first and whenever Deps change
	Serve         *Command `json:"serve_cmd,omitempty"`       // runs on; started again after each run of Update, or when Deps change
	AllowParallel bool     `json:"allow_parallel,omitempty"`  // Update may run beside other updates
	Deps          []string `json:"deps,omitempty"`            // absolute paths of files and folders
	Ignores       []Ignore `json:"ignores,omitempty"`         // of Deps: a path that one of them ignores is ignored
	Readiness     *Probe   `json:"readiness_probe,omitempty"` // of Serve; nil: it is ready once it runs
	Restart       string   `json:"restart,omitempty"`         // of Serve when it ends by itself: RestartNever, ...; "": RestartNever
	StopSignal    string   `json:"stop_signal,omitempty"`     // asks Serve to end: "SIGTERM", ...; "": SIGTERM
	StopGrace     float64  `json:"stop_grace_secs,omitempty"` // that Update and Serve have to end before they are killed; 0: 30
}

// When a server that has ended is started again.
const (
	RestartNever     = "never"
	RestartOnFailure = "on-failure" // unless it ended with exit code 0
	RestartAlways    = "always"
)

// Command is a command of this machine.
type Command struct {
	Argv []string          `json:"argv"`          // at least one
	Dir  string            `json:"dir"`           // absolute
	Env  map[string]string `json:"env,omitempty"` // added to what the worker inherited and Settings.Env
}

// Probe tells whether a server is ready. Exactly one of Exec, HTTPGet and TCPSocket is there.
type Probe struct {
	InitialDelay     int        `json:"initial_delay_secs,omitempty"` // seconds
	Timeout          int        `json:"timeout_secs"`                 // seconds, at least 1
	Period           int        `json:"period_secs"`                  // seconds, at least 1
	SuccessThreshold int        `json:"success_threshold"`            // at least 1
	FailureThreshold int        `json:"failure_threshold"`            // at least 1
	Exec             []string   `json:"exec,omitempty"`               // argv
	HTTPGet          *HTTPGet   `json:"http_get,omitempty"`
	TCPSocket        *TCPSocket `json:"tcp_socket,omitempty"`
}

// HTTPGet succeeds if the answer is at least 200 and below 400, as in Kubernetes.
type HTTPGet struct {
	Scheme string `json:"scheme"` // http or https
	Host   string `json:"host"`
	Port   int    `json:"port"`
	Path   string `json:"path"` // begins with "/"
}

// TCPSocket succeeds if something accepts a connection.
type TCPSocket struct {
	Host string `json:"host"` // "": localhost
	Port int    `json:"port"`
}
