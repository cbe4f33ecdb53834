package proc

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTicks is the kernel's USER_HZ, the unit of start times in /proc/<pid>/stat; it is 100 on every Linux that Go supports.
const clockTicks = 100

// Record is what a pid file holds about a daemon.
type Record struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks between the boot and the start of the process
	Boot  string `json:"boot"`  // ID of the boot that Start counts from
	Spec  string `json:"spec"`  // digest of what the daemon was started with
}

// Read returns the record in a pid file. A missing file is an error that matches os.ErrNotExist.
func Read(path string) (Record, error) {
	var r Record
	content, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("read pid file: %w", err)
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return Record{}, fmt.Errorf("read pid file %s: %w", path, err)
	}
	return r, nil
}

// Write stores the record in a pid file, atomically.
func (r Record) Write(path string) error {
	content, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode pid file: %w", err)
	}
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	return nil
}

// Alive reports whether the very process of the record still runs: the same boot, process number and start time, and
// not a zombie that merely waits to be reaped.
func (r Record) Alive() bool {
	if r.PID <= 0 || r.Boot != BootID() {
		return false
	}
	s, err := readStat(r.PID)
	return err == nil && s.start == r.Start && s.state != "Z" && s.state != "X"
}

// Age returns how long ago the process of the record started, or zero when that is not known.
func (r Record) Age() time.Duration {
	content, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	up, _, _ := strings.Cut(string(content), " ")
	seconds, err := strconv.ParseFloat(up, 64)
	if err != nil {
		return 0
	}
	return time.Duration((seconds - float64(r.Start)/clockTicks) * float64(time.Second)).Truncate(time.Second)
}

// Signal sends a signal to the process of the record if it is alive.
func (r Record) Signal(sig syscall.Signal) error {
	if !r.Alive() {
		return nil
	}
	process, err := os.FindProcess(r.PID)
	if err != nil {
		return fmt.Errorf("find process %d: %w", r.PID, err)
	}
	if err := process.Signal(sig); err != nil && r.Alive() {
		return fmt.Errorf("send signal %v to process %d: %w", sig, r.PID, err)
	}
	return nil
}

// BootID returns the kernel's ID of the current boot, or "" when there is none to read.
func BootID() string {
	content, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}

// recordOf returns the record of a running process.
func recordOf(pid int, spec string) (Record, error) {
	s, err := readStat(pid)
	if err != nil {
		return Record{}, err
	}
	return Record{PID: pid, Start: s.start, Boot: BootID(), Spec: spec}, nil
}

// stat holds the fields of /proc/<pid>/stat that the package uses.
type stat struct {
	state  string
	parent int
	start  uint64
}

func readStat(pid int) (stat, error) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, fmt.Errorf("read the state of process %d: %w", pid, err)
	}
	return parseStat(string(content))
}

// parseStat reads a line of /proc/<pid>/stat. The program name stands in parentheses and may itself hold parentheses
// and spaces, so the fields are counted from the last closing one.
func parseStat(line string) (stat, error) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return stat{}, fmt.Errorf("parse process state %q: no program name", line)
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("parse process state %q: %d fields", line, len(fields))
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return stat{}, fmt.Errorf("parse parent in process state: %w", err)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("parse start time in process state: %w", err)
	}
	return stat{state: fields[0], parent: parent, start: start}, nil
}
