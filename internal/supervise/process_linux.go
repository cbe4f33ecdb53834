package supervise

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

var bootID = sync.OnceValue(func() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without it, all boots are one
	return strings.TrimSpace(string(data))
})

// stat is what /proc/PID/stat says of a process.
type stat struct {
	pid, parent int
	state       byte
	start       string // in clock ticks after boot
}

func readStat(pid int) (s stat, ok bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return s, false
	}
	// The name stands in parentheses and may hold any character.
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return s, false
	}
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 20 {
		return s, false
	}
	parent, err := strconv.Atoi(fields[1])
	return stat{pid: pid, state: fields[0][0], parent: parent, start: fields[19]}, err == nil
}

// startOf returns when a process started. One that has ended, and that nobody has asked for its exit code, counts as gone.
func startOf(pid int) (string, bool) {
	s, ok := readStat(pid)
	return s.start, ok && s.state != 'Z' && s.state != 'X'
}

// adoptOrphans makes descendants whose parents have ended children of this process.
func adoptOrphans() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// descendants returns the processes below this one that have not ended, in no order.
func descendants() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	ended := map[int]bool{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok {
			children[s.parent] = append(children[s.parent], pid)
			ended[pid] = s.state == 'Z' || s.state == 'X'
		}
	}
	todo := []int{os.Getpid()}
	for len(todo) > 0 {
		pid := todo[0]
		todo = append(todo[1:], children[pid]...)
		for _, child := range children[pid] {
			if !ended[child] {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// leftovers returns the processes that carry the mark of a folder, in no order.
func leftovers(dir string, _ State) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	mark := []byte(markVariable + "=" + dir + "\x00")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile("/proc/" + e.Name() + "/environ") // nothing can be read of others' processes
		if err != nil || !bytes.HasPrefix(environ, mark) && !bytes.Contains(environ, append([]byte{0}, mark...)) {
			continue
		}
		if s, ok := readStat(pid); ok && s.state != 'Z' && s.state != 'X' {
			pids = append(pids, pid)
		}
	}
	return pids
}
