//go:build unix

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// local is a project of local resources.
type local struct {
	*user

	port int
}

// newLocal returns a user whose project has the Tiltfile. In it PORT, SERVE and TMP stand for a free port, the server that
// serves the file "content", as the items of an argv, and a folder outside the project.
func newLocal(t *testing.T, tiltfile string) *local {
	t.Helper()
	return localOf(newUser(t, 0), tiltfile)
}

// newLocalAlone is newLocal with a server of the test's own.
func newLocalAlone(t *testing.T, tiltfile string) *local {
	t.Helper()
	return localOf(newUserAlone(t, 0), tiltfile)
}

func localOf(u *user, tiltfile string) *local {
	u.t.Helper()
	l := &local{user: u}
	l.port = l.freePort()
	l.write("content", "v0\n")
	l.tilt(tiltfile)
	return l
}

// tilt replaces the Tiltfile.
func (l *local) tilt(text string) {
	l.t.Helper()
	self, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	l.write("Tiltfile", strings.NewReplacer(
		"PORT", strconv.Itoa(l.port), "TMP", l.tmp(),
		"SERVE", fmt.Sprintf("'%s', '%s', '%d', '%s'", self, serveVerb, l.port, filepath.Join(l.dir, "content")),
	).Replace(text))
}

// tmp is a folder outside the project.
func (l *local) tmp() string { return l.env["TMPDIR"] }

// lines are those of a file in TMP that commands append to.
func (l *local) lines(name string) []string {
	l.t.Helper()
	data, err := os.ReadFile(filepath.Join(l.tmp(), name))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// has waits until a file in TMP has n lines.
func (l *local) has(name string, n int) {
	l.t.Helper()
	l.eventually(fmt.Sprintf("%s has %d lines", name, n), func() error {
		if got := l.lines(name); len(got) != n {
			return fmt.Errorf("it has %q", got)
		}
		return nil
	})
}

// answer asks the server, and returns what it says and its PID.
func (l *local) answer() (text string, pid int, err error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", l.port), http.NoBody)
	if err != nil {
		return "", 0, err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = response.Body.Close() }()
	data := make([]byte, 100)
	n, _ := response.Body.Read(data) // what it says is short
	pid, _ = strconv.Atoi(response.Header.Get("X-Pid"))
	if response.StatusCode != http.StatusOK {
		return "", pid, fmt.Errorf("it answers %s", response.Status)
	}
	return strings.TrimSpace(string(data[:n])), pid, nil
}

// serving returns the PID of the server that answers now.
func (l *local) serving() int {
	l.t.Helper()
	pid := 0
	l.eventually("the server answers", func() (err error) { // one without a probe is ready before it listens
		_, pid, err = l.answer()
		return err
	})
	return pid
}

// silent waits until nothing answers at the port.
func (l *local) silent() {
	l.t.Helper()
	l.eventually("nothing answers", func() error {
		if text, pid, err := l.answer(); err == nil {
			return fmt.Errorf("process %d says %q", pid, text)
		}
		return nil
	})
}

// killWorkerOnly ends the worker with SIGKILL, and not its shim.
func (u *user) killWorkerOnly() {
	u.t.Helper()
	pid := u.workerPID()
	if pid == 0 {
		u.t.Fatal("there is no worker")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		u.t.Fatal(err)
	}
}
