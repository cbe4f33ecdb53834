package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/state"
	"github.com/envflow/envflow/internal/testenv"
)

// Both forms of `make demo`, as people run it.
func TestDemo(t *testing.T) {
	for _, form := range []string{"kubernetes", "local"} {
		t.Run(form, func(t *testing.T) {
			u := newUser(t, 0)
			if form == "local" {
				delete(u.env, "KUBECONFIG")
			}
			out := u.demo("DEMO=" + form)
			u.contains("the demo", out,
				"The order is paid", "The shop serves it ", "kill -9 ", "all ready after ", "Not repeated: the updates of ", "/envflow/login?code=")
			if form == "local" {
				u.contains("the demo", out, "as processes of this machine", "it answered each time")
			} else {
				u.contains("the demo", out, "on Kubernetes, in the context "+u.bed.Context, "synced into the running container")
			}
			found := regexp.MustCompile(`down --env (\S+)\n`).FindStringSubmatch(out)
			if found == nil {
				t.Fatalf("the demo does not say how to take it down:\n%s", out)
			}
			u.ok("down", "--env", found[1])
			if form == "kubernetes" {
				u.nothingInCluster()
			}
		})
	}
}

// demo runs `make demo` to its end and returns what it printed.
func (u *user) demo(args ...string) string {
	u.t.Helper()
	cmd := u.demoCommand(args...)
	u.t.Cleanup(func() { // the harness knows the user's own folder alone
		for _, env := range u.environmentsBelow(filepath.Join(u.env["TMPDIR"], "demo")) {
			u.runIn(context.WithoutCancel(u.t.Context()), "down", "--env", env)
		}
	})
	out, err := cmd.CombinedOutput()
	u.t.Logf("make demo %v:\n%s", args, out)
	if err != nil {
		u.t.Fatalf("make demo %v: %v", args, err)
	}
	return string(out)
}

func (u *user) demoCommand(args ...string) *exec.Cmd {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), 10*time.Minute) // the first time it compiles the shop
	u.t.Cleanup(cancel)
	// What make would build first is built: the tests run with it.
	cmd := exec.CommandContext(ctx, "make", append([]string{"-o", "build", "demo"}, args...)...)
	cmd.Dir = testenv.Root(u.t)
	for name, value := range u.env {
		if name != "HOME" { // Go has its caches there
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+os.Getenv("HOME"), fmt.Sprintf("DEMO_PORT=%d", u.freePorts(7)), "DEMO_DIR="+filepath.Join(u.env["TMPDIR"], "demo"))
	for _, name := range []string{"GOFLAGS", "GOPROXY", "GOMODCACHE", "GOCACHE", "GOPATH", "GOTOOLCHAIN"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// environmentsBelow returns the IDs of environments whose Tiltfile is below a folder.
func (u *user) environmentsBelow(dir string) (ids []string) {
	records, _ := filepath.Glob(filepath.Join(u.state, "*", "environment.json")) // the pattern is fine
	for _, path := range records {
		var record struct{ Path string }
		if err := state.ReadJSON(path, &record); err == nil && strings.HasPrefix(record.Path, dir+string(filepath.Separator)) {
			ids = append(ids, filepath.Base(filepath.Dir(path)))
		}
	}
	return ids
}

// freePorts returns the first of n ports in a row that nobody listens on.
func (u *user) freePorts(n int) int {
	u.t.Helper()
	first := u.freePort()
	for next, row := first, 1; row < n; row++ {
		port := u.freePort()
		if port != next+1 {
			first, row = port, 0
		}
		next = port
	}
	return first
}
