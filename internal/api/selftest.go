package api

import "time"

// The selftest workflow proves that a command, the server, a worker, a workflow and an activity reach each other.
const (
	SelftestWorkflow = "selftest"       // workflow type; SelftestIn -> SelftestOut
	SelftestActivity = "selftest-probe" // activity type; SelftestIn -> SelftestOut
)

// SelftestIn is the argument of the selftest.
type SelftestIn struct {
	Nonce string `json:"nonce"` // comes back, so that an answer is known to belong to its question
}

// SelftestOut is the result of the selftest.
type SelftestOut struct {
	Nonce    string    `json:"nonce"`
	PID      int       `json:"pid"`      // process that ran the activity
	Started  time.Time `json:"started"`  // when the activity began
	Attempts int32     `json:"attempts"` // how often the activity was tried
}
