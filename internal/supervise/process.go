package supervise

import "os"

// Process names one process, for as long as the machine runs and beyond: a PID alone is given again.
type Process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // when it started, in the system's own words
	Boot  string `json:"boot"`  // of the machine
}

// identify names the process that has the PID now. It is the zero Process if there is none.
func identify(pid int) Process {
	start, ok := startOf(pid)
	if !ok {
		return Process{}
	}
	return Process{PID: pid, Start: start, Boot: bootID()}
}

// self names this process.
func self() Process { return identify(os.Getpid()) }

// Alive reports whether this very process is there, and not only one of the same PID.
func (p Process) Alive() bool {
	if p.PID == 0 || p.Boot != bootID() {
		return false
	}
	start, ok := startOf(p.PID)
	return ok && start == p.Start
}
