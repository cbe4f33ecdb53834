package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processes returns the processes that were started by the user, who has a home of their own, with their command lines: what
// envflow leaves running. It knows none on systems without /proc.
func (u *user) processes() map[int]string {
	found := map[int]string{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return found
	}
	mark := []byte("HOME=" + u.env["HOME"] + "\x00")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err != nil || !bytes.Contains(append(environ, 0), mark) {
			continue
		}
		if line, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline")); err == nil && len(line) > 0 { // no zombie
			found[pid] = strings.ReplaceAll(strings.TrimRight(string(line), "\x00"), "\x00", " ")
		}
	}
	return found
}

// nothingRuns stops a server of the test's own and checks that no process of the user is left then.
func (u *user) nothingRuns() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.t.Context()), patience)
	defer cancel()
	if u.alone {
		if _, err := u.server.Stop(ctx); err != nil {
			u.t.Errorf("stop the server: %v", err)
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(5 * time.Second)
	for left := u.processes(); len(left) > 0; left = u.processes() {
		if time.Now().After(deadline) {
			u.t.Errorf("processes are left: %v", left)
			u.stacks(left)
			u.killAll()
			return
		}
		<-tick.C
	}
}

// stacks prints what workers that do not end are at.
func (u *user) stacks(left map[int]string) {
	for pid, line := range left {
		if p, err := os.FindProcess(pid); err == nil && strings.Contains(line, " up") && !strings.Contains(line, " shim ") {
			_ = p.Signal(syscall.SIGQUIT) // it may have ended just now
		}
	}
	logs, _ := filepath.Glob(filepath.Join(u.state, "*", "worker.log")) // the pattern is fine
	for _, path := range logs {
		var text []byte
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline) && !bytes.Contains(text, []byte("goroutine ")); <-time.After(20 * time.Millisecond) {
			text, _ = os.ReadFile(path) // told if it can be read
		}
		if at := bytes.Index(text, []byte("SIGQUIT")); at >= 0 {
			u.t.Logf("%s:\n%s", path, text[at:])
		}
	}
}

// killAll ends what is left of a test that failed.
func (u *user) killAll() {
	for pid, line := range u.processes() {
		if p, err := os.FindProcess(pid); err == nil && !strings.Contains(line, "server") {
			_ = p.Kill()
		}
	}
}

// removeImages deletes the images of the test from the engine. The registry keeps its copies.
func (u *user) removeImages() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.t.Context()), 30*time.Second)
	defer cancel()
	path, ok := strings.CutPrefix(u.bed.DockerHost, "unix://")
	if !ok {
		return
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	call := func(method, path string, out any) error {
		request, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, http.NoBody)
		if err != nil {
			return err
		}
		answer, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode >= http.StatusBadRequest && answer.StatusCode != http.StatusNotFound {
			return fmt.Errorf("%s %s: %s", method, path, answer.Status)
		}
		if out == nil {
			return nil
		}
		return json.NewDecoder(answer.Body).Decode(out)
	}
	var images []struct{ RepoTags []string }
	filter := fmt.Sprintf(`{"reference":["%s/%s-*"]}`, u.bed.Registry, u.prefix)
	if err := call(http.MethodGet, "/images/json?filters="+url.QueryEscape(filter), &images); err != nil {
		u.t.Errorf("list the images of the test: %v", err)
	}
	for _, image := range images {
		for _, tag := range image.RepoTags {
			if !strings.Contains(tag, u.prefix) { // another test has built the very same
				continue
			}
			if err := call(http.MethodDelete, "/images/"+tag, nil); err != nil {
				u.t.Errorf("delete the image %s: %v", tag, err)
			}
		}
	}
}
