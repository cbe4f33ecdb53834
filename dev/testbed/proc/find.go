package proc

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Process is a running process as /proc shows it.
type Process struct {
	Record
	Args []string // the command line, program first; empty for kernel threads
}

// Find returns the running processes that match, except this one and its ancestors.
func Find(match func(Process) bool) []Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	skip := Ancestors()
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() || slices.Contains(skip, pid) {
			continue
		}
		p := Process{Args: strings0(pid, "cmdline")}
		if len(p.Args) == 0 {
			continue
		}
		if p.Record, err = recordOf(pid, ""); err == nil && p.Alive() && match(p) {
			found = append(found, p)
		}
	}
	return found
}

// Environment returns the environment that the process was started with; it is empty for processes of other users.
func (p Process) Environment() []string {
	return strings0(p.PID, "environ")
}

// SharesNetwork reports whether the process is in the network namespace of this one.
func (p Process) SharesNetwork() bool {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return false
	}
	theirs, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(p.PID), "ns/net"))
	return err == nil && own == theirs
}

// Ancestors returns the process numbers of the parent of this process, its parent, and so on.
func Ancestors() []int {
	var pids []int
	for pid := os.Getppid(); pid > 0; {
		pids = append(pids, pid)
		s, err := readStat(pid)
		if err != nil {
			break
		}
		pid = s.parent
	}
	return pids
}

// strings0 reads a /proc file of strings that each end with a zero byte.
func strings0(pid int, name string) []string {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name))
	if err != nil || len(content) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00")
}
