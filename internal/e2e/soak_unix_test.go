//go:build unix

package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	soakProcesses = 50
	soakTime      = 20 * time.Minute
	// soakWarm is when memory is measured first: by then everything has been killed once.
	soakWarm = 3 * time.Minute
)

// Fifty local processes, and twenty minutes in which servers, shims, the worker and the server are killed, files are edited, and
// people pause and come back: in the end all run once, with the last edit, and it takes no more memory than in the beginning.
// ENVFLOW_TEST_SOAK=2m makes it shorter, for whoever works on it.
func TestSoak_LocalProcesses(t *testing.T) {
	if !long() {
		t.Skip("takes 20 minutes: make test-long")
	}
	duration := soakTime
	if text := os.Getenv("ENVFLOW_TEST_SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s := &soak{local: newLocalAlone(t, ""), edits: map[int]int{}, done: map[string]int{}}
	s.write("Tiltfile", s.tiltfile())
	for i := range soakProcesses {
		s.edit(i)
	}
	s.up()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s.random = rand.New(rand.NewPCG(seed, 0))
	begun := time.Now()
	warm := min(soakWarm, duration/4)
	s.tortureUntil(begun.Add(warm))
	s.settle()
	before := s.memory()
	s.tortureUntil(begun.Add(duration))
	s.settle()
	after := s.memory()
	t.Logf("done: %v", s.done)
	t.Logf("PSS of server, worker and shims: %d MB after %s, %d MB after %s", before>>10, warm, after>>10, duration)
	if after > before+before/4+(16<<10) {
		t.Errorf("memory grows: %d KB, before %d KB", after, before)
	}
}

// soak is the run of one such test.
type soak struct {
	*local

	random *rand.Rand
	edits  map[int]int    // how often the file of a resource was edited
	done   map[string]int // how often each thing was done
}

// tiltfile has servers that are started again by themselves, and some that a command prepares.
func (s *soak) tiltfile() string {
	return fmt.Sprintf(`
def resource(i):
    prepared = i %% 2 == 0
    local_resource('p%%d' %% i, allow_parallel=True, restart='always', stop_grace_secs=2,
        cmd='cp in/%%d out/%%d' %% (i, i) if prepared else '', deps=['in/%%d' %% i] if prepared else [],
        serve_cmd='cat in/%%d; while :; do sleep 1; done' %% i)
[resource(i) for i in range(%d)]
`, soakProcesses)
}

// edit changes what a resource depends on.
func (s *soak) edit(i int) {
	s.edits[i]++
	s.write(fmt.Sprintf("in/%d", i), fmt.Sprintf("edit %d\n", s.edits[i]))
	s.write("out/.keep", "")
}

// tortureUntil does what hurts, again and again.
func (s *soak) tortureUntil(end time.Time) {
	s.t.Helper()
	for time.Now().Before(end) && !s.t.Failed() {
		for range 1 + s.random.IntN(5) {
			s.hurt()
		}
		<-time.After(time.Duration(s.random.IntN(1500)) * time.Millisecond) // people take their time; nothing is waited for
	}
}

// hurt does one thing.
func (s *soak) hurt() {
	s.t.Helper()
	what := "edit"
	switch n := s.random.IntN(100); {
	case n < 35:
		s.edit(s.random.IntN(soakProcesses))
	case n < 65:
		what = "kill a command"
		s.killOne(func(line string) bool { return strings.HasPrefix(line, "sh -c ") })
	case n < 80:
		what = "kill a shim"
		s.killOne(func(line string) bool {
			return strings.Contains(line, "/processes/") && strings.Contains(line, " shim ")
		})
	case n < 90:
		what = "trigger"
		s.run("trigger", fmt.Sprintf("p%d", s.random.IntN(soakProcesses))) // there may be no worker at this moment
	case n < 95:
		what = "kill the worker"
		s.killOne(func(line string) bool {
			return strings.Contains(line, "envflow up --hosted") && !strings.Contains(line, " shim ")
		})
		if s.random.IntN(2) == 0 { // else its shim does it, up to its limit
			s.comesUp()
		}
	case n < 97:
		what = "kill the server"
		s.killOne(func(line string) bool { return strings.Contains(line, " server run") })
	case n < 99:
		what = "kill worker and server"
		s.killOne(func(line string) bool { return strings.Contains(line, " server run") })
		s.killOne(func(line string) bool {
			return strings.Contains(line, "envflow up --hosted") && !strings.Contains(line, " shim ")
		})
		s.comesUp()
	default:
		what = "pause"
		s.run("pause")
		s.comesUp()
	}
	s.done[what]++
}

// comesUp is `up -d`, which has to work whatever has just been killed.
func (s *soak) comesUp() {
	s.t.Helper()
	if got := s.run("up", "-d"); got.code != 0 {
		s.t.Errorf("up -d: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

// killOne kills one of the processes that match, if there is any.
func (s *soak) killOne(matches func(line string) bool) {
	var pids []int
	for pid, line := range s.processes() {
		if matches(line) {
			pids = append(pids, pid)
		}
	}
	if len(pids) > 0 {
		_ = syscall.Kill(pids[s.random.IntN(len(pids))], syscall.SIGKILL) // it may have ended meanwhile
	}
}

// settle leaves everything in peace until it is as it should be, and fails if that does not come to pass.
func (s *soak) settle() {
	s.t.Helper()
	s.ok("up", "-d")
	s.wait()
	s.eventually("each runs once, with the last edit", func() error {
		shims, commands := map[string]int{}, map[string]int{}
		for pid, line := range s.processes() {
			dir := markOf(pid)
			switch {
			case dir == "" || strings.HasPrefix(line, "sleep "):
			case strings.Contains(line, " shim "):
				shims[dir]++
			case strings.HasPrefix(line, "sh -c "):
				commands[dir]++
			default:
				return fmt.Errorf("process %d of %s: %s", pid, dir, line)
			}
		}
		if len(shims) != soakProcesses || len(commands) != soakProcesses {
			return fmt.Errorf("%d shims, %d commands", len(shims), len(commands))
		}
		for dir, n := range shims {
			if n != 1 || commands[dir] != 1 {
				return fmt.Errorf("%s has %d shims and %d commands", dir, n, commands[dir])
			}
		}
		for i := 0; i < soakProcesses; i += 2 {
			in, _ := os.ReadFile(filepath.Join(s.dir, "in", strconv.Itoa(i)))
			if out, _ := os.ReadFile(filepath.Join(s.dir, "out", strconv.Itoa(i))); !bytes.Equal(in, out) {
				return fmt.Errorf("p%d has %q, not %q", i, out, in)
			}
		}
		return nil
	})
	for _, r := range s.status().Resources {
		if !r.Ready || r.Runtime != "ok" {
			s.t.Errorf("%s is %+v", r.Name, r)
		}
	}
}

// markOf returns the folder of the shim that a process belongs to, "" for none.
func markOf(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // it may have ended meanwhile
	for pair := range bytes.SplitSeq(data, []byte{0}) {
		if dir, ok := strings.CutPrefix(string(pair), "ENVFLOW_SHIM="); ok {
			return dir
		}
	}
	return ""
}

// memory is the PSS of server, worker and shims, in KB.
func (s *soak) memory() (kb int) {
	s.t.Helper()
	for pid, line := range s.processes() {
		if strings.HasPrefix(line, "sh -c ") || strings.HasPrefix(line, "sleep ") {
			continue
		}
		file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "Pss:" {
				n, _ := strconv.Atoi(fields[1])
				kb += n
			}
		}
		_ = file.Close()
	}
	return kb
}
