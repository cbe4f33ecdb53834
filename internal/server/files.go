package server

import (
	"path/filepath"

	"github.com/envflow/envflow/internal/state"
)

// Files are the paths of everything the server keeps, all in one folder.
type Files struct {
	Dir       string // the folder, mode 0700
	Lock      string // held exclusively while the server lives
	StartLock string // held by the process that is starting a server
	PID       string // process ID of the holder of Lock, in decimal
	Record    string // Record as JSON; stays after the server ended, because its ports are used again
	Token     string // the secret that the Temporal frontend demands; new at each start
	Log       string // what the server printed
	Database  string // Temporal's SQLite file
}

// FilesIn returns the paths of the server whose state folder is stateDir.
func FilesIn(stateDir string) Files {
	dir := filepath.Join(stateDir, "server")
	in := func(name string) string { return filepath.Join(dir, name) }
	return Files{
		Dir: dir, Lock: in("lock"), StartLock: in("start.lock"), PID: in("pid"), Record: in("server.json"),
		Token: in("token"), Log: in("server.log"), Database: in("temporal.db"),
	}
}

// Record is where a server listens. It is written once the server answers.
type Record struct {
	PID       int    `json:"pid"`
	Address   string `json:"address"`   // host:port of the Temporal frontend (gRPC)
	UI        string `json:"ui"`        // base URL of the Temporal UI, without a path
	Dashboard string `json:"dashboard"` // base URL of the dashboard; empty until there is one
	Database  string `json:"database"`  // path of Temporal's SQLite file
	Version   string `json:"version"`   // envflow's version
	Socket    string `json:"socket"`    // path of the control socket
	Namespace string `json:"namespace"` // Temporal namespace of all environments
	Notice    string `json:"notice"`    // one line that a person should read, about the database; mostly empty
}

// ReadRecord returns the record of the last server that ran. It matches fs.ErrNotExist if none ever did.
func (f Files) ReadRecord() (Record, error) {
	var r Record
	err := state.ReadJSON(f.Record, &r)
	return r, err
}
