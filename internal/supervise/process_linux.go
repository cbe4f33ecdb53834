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
	session     int
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
	session, sessionErr := strconv.Atoi(fields[3])
	return stat{pid: pid, state: fields[0][0], parent: parent, session: session, start: fields[19]}, err == nil && sessionErr == nil
}

// startOf returns when a process started. One that has ended, and that nobody has asked for its exit code, counts as gone.
func startOf(pid int) (string, bool) {
	s, ok := readStat(pid)
	return s.start, ok && s.lives()
}

// adoptOrphans makes descendants whose parents have ended children of this process.
func adoptOrphans() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// descendants returns the processes below this one that have not ended, in no order; with session, only those that are in its
// session.
func descendants(_ int, session bool) (pids []int) { //nolint:revive // it decides what is looked for, not what is done
	children, stats := map[int][]int{}, map[int]stat{}
	eachProcess(func(s stat) {
		children[s.parent] = append(children[s.parent], s.pid)
		stats[s.pid] = s
	})
	own := stats[os.Getpid()].session
	for todo := []int{os.Getpid()}; len(todo) > 0; todo = todo[1:] {
		todo = append(todo, children[todo[0]]...)
		for _, child := range children[todo[0]] {
			if s := stats[child]; s.lives() && (!session || s.session == own) {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// eachProcess calls fn with every process of the machine.
func eachProcess(fn func(stat)) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if s, ok := readStat(pid); ok {
				fn(s)
			}
		}
	}
}

func (s stat) lives() bool { return s.state != 'Z' && s.state != 'X' }

// leftovers returns the processes of a shim that was killed, in no order: those in its session, and those that carry the mark of
// its folder, unless it let be what left the session. Some programs write over the environment that has the mark.
func leftovers(dir string, state State) (pids []int) {
	session := 0
	if leader, ok := readStat(state.Shim.PID); state.Shim.Boot == bootID() && (!ok || leader.start == state.Shim.Start) { // else the number was given again
		session = state.Shim.PID
	}
	mark := []byte(markVariable + "=" + dir + "\x00")
	eachProcess(func(s stat) {
		if s.pid == os.Getpid() || !s.lives() {
			return
		}
		if session != 0 && s.session == session || !state.Daemons && hasMark(s.pid, mark) {
			pids = append(pids, s.pid)
		}
	})
	return pids
}

func hasMark(pid int, mark []byte) bool {
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ") // nothing can be read of others' processes
	return err == nil && (bytes.HasPrefix(environ, mark) || bytes.Contains(environ, append([]byte{0}, mark...)))
}
