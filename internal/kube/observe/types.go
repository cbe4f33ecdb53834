package observe

import "time"

// Target is one resource to be observed.
type Target struct {
	Resource       string
	Objects        []Object            // what was applied
	ExtraSelectors []map[string]string // a pod in the namespaces of Objects that has all labels of one of them belongs to the resource
	SelectorsOnly  bool                // owner references are not followed
	Readiness      string              // plan.ReadinessWait, ... ; "" is wait
}

// Object is an applied object as the API server returned it.
type Object struct {
	APIVersion, Kind, Namespace, Name, UID string
	Generation                             int64
}

// What Status.Runtime may be.
const (
	RuntimeNone    = "none"    // nothing is there to be judged
	RuntimePending = "pending" // on its way
	RuntimeOK      = "ok"
	RuntimeError   = "error"
)

// Status is how a resource is doing.
type Status struct {
	Resource string
	Runtime  string // RuntimeNone, ...
	Ready    bool
	Reason   string // one sentence why it is not ready, which may enter a history; "" if it is
	Detail   string // what programs and registries said, which may not; often ""
	Pods     []Pod  // oldest first
}

// Pod is a pod of a resource.
type Pod struct {
	Namespace, Name, UID string
	Phase                string // as Kubernetes has it: Pending, Running, Succeeded, Failed, Unknown
	Created              time.Time
	Deleting, Ready      bool
	Current              bool // belongs to the newest rollout
	Containers           []Container
}

// What Container.State may be.
const (
	StateWaiting    = "waiting"
	StateRunning    = "running"
	StateTerminated = "terminated"
)

// Container is a container of a pod. Init containers come first, each kind in the order of the pod's spec.
type Container struct {
	Name     string
	ID       string // without "containerd://"; "" before the first start
	Image    string // as the pod asks for it
	ImageID  string // as the node has it; "" before it is pulled
	State    string // StateWaiting, ...
	Reason   string // as Kubernetes has it: ContainerCreating, CrashLoopBackOff, Completed, ...
	Ready    bool
	Restarts int
	Started  time.Time // of the running or ended container; zero if it waits
	Ports    []int32   // that the pod exposes
	Init     bool      // runs, or ran, before the others; also sidecars
}
