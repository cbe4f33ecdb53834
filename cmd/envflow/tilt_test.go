package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/api"
)

// runAsTilt runs a command line under Tilt's name and returns the one of envflow that came of it.
func runAsTilt(t *testing.T, args ...string) (outcome, []string) {
	t.Helper()
	e, stdout, stderr := testEnviron(args, "PWD="+t.TempDir(), "HOME="+t.TempDir(), "ENVFLOW_STATE_DIR="+t.TempDir())
	e.Name = tiltName
	code := run(t.Context(), e)
	return outcome{code, stdout.String(), stderr.String()}, e.Args
}

func TestTilt_TakesItsFlags(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"up": "up",
		"up -f dev/Tiltfile --context c --namespace n --port=0 --host 0.0.0.0 --stream --hud=false web cart -- --debug x": "up --file=dev/Tiltfile --context=c --namespace=n web cart -- --debug x",
		"-d up":               "--verbose up",
		"up --legacy=true -v": "--verbose up",
		"up --klog 4 --web-mode local --webdev-port 4000 --update-mode=image": "up",
		"down": "down",
		"down -f T --delete-namespaces --delete-volumes":                      "down --file=T --delete-namespaces=true",
		"trigger --port 10351 web":                                            "trigger -- web",
		"trigger (Tiltfile)":                                                  "trigger -- (Tiltfile)",
		"wait --for=condition=Ready uiresource/web uiresource/cart":           "wait --for ready --timeout 30s -- web cart",
		"wait --for condition=UpToDate=true --timeout=2m uiresource web cart": "wait --for updated --timeout 2m0s -- web cart",
		"wait --for=condition=ready uiresource --all --timeout=-1s":           "wait --for ready --timeout 168h0m0s --",
		"logs -f": "logs --follow=true --",
		"logs --json --tail 5 --since 10m --level error --source build web": "logs --json=true --tail=5 --since=10m0s --level=error --source build -- web",
		"logs --source=all": "logs --",
		"apply -f -":        "apply --filename=-",
	} {
		got, words := runAsTilt(t, strings.Fields(line)...)
		if diff := cmp.Diff(want, strings.Join(words, " ")); diff != "" {
			t.Errorf("tilt %s (-want +got):\n%s", line, diff)
		}
		if got.Code == 2 && !slices.Contains(strings.Fields(line), "-f") { // of which there is no Tiltfile here
			t.Errorf("tilt %s: %+v", line, got)
		}
	}
}

// The extension min_tilt_version and Tilt's own for VS Code take the answer apart.
func TestTilt_Version(t *testing.T) {
	t.Parallel()
	got, _ := runAsTilt(t, "version")
	if got.Code != 0 || !regexp.MustCompile(`^v\d+\.\d+\.\d+, built \S+, by envflow \S+\n$`).MatchString(got.Stdout) {
		t.Errorf("%+v", got)
	}
}

func TestTilt_SaysWhatThereIsNot(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"get uiresources -o json":          "envflow has nothing like `tilt get`",
		"alpha tiltfile-result":            "envflow has nothing like `tilt alpha`",
		"--klog 3 doctor":                  "envflow has nothing like `tilt doctor`",
		"status":                           "envflow has nothing like `tilt status`",
		"up --output-snapshot-on-exit f":   `unknown flag --output-snapshot-on-exit for "tilt up"`,
		"trigger":                          `"tilt trigger"`,
		"trigger a b":                      `"tilt trigger"`,
		"wait uiresource/web":              `"tilt wait" needs --for`,
		"wait --for=delete uiresource/web": "--for must be condition=Ready",
		"wait --for=condition=Ready cmd/x": `"cmd"`,
		"wait --for=condition=Ready":       "no resource is named",
		"logs --level info":                "--level must be warn or error",
	} {
		got, _ := runAsTilt(t, strings.Fields(line)...)
		if got.Code != 2 || got.Stdout != "" || !strings.Contains(got.Stderr, want) || strings.Count(got.Stderr, "\n") > 2 {
			t.Errorf("tilt %s: %d %q, want in it %q", line, got.Code, got.Stdout+got.Stderr, want)
		}
	}
}

// The link leads to this program, wherever it was before, and is first in PATH however often that is inherited.
func TestInherited_FindsTilt(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	path := strings.Join([]string{"/usr/bin", "/bin"}, string(os.PathListSeparator))
	variables := []string{"A=1", "PATH=" + path, environmentVariable + "=outer", apiKeyVariable + "=secret"}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e, _, _ := testEnviron(nil, "ENVFLOW_STATE_DIR="+stateDir)
		e.Environ = func() []string { return variables }
		got, err := e.inherited("inner")
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(got.Executable)
		want := []string{"A=1", "PATH=" + dir + string(os.PathListSeparator) + path, environmentVariable + "=inner"}
		if diff := cmp.Diff(want, got.Environ); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		found, err := os.Stat(got.Executable)
		if err != nil {
			t.Fatal(err)
		}
		if self, err := os.Stat(program); err != nil || !os.SameFile(found, self) {
			t.Errorf("%s is another program: %v", got.Executable, err)
		}
		variables = got.Environ
		// Somebody else's program is in the way next time.
		if err := os.Remove(got.Executable); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(got.Executable, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A command of an environment means that one, whatever its folder; but what brings up or ends one goes by the folder, since
// terminals that a command starts inherit all it has.
func TestFindEnvironment_InACommand(t *testing.T) {
	t.Parallel()
	vars, path, stateDir := checkout(t, "")
	inner := pausedEnvironment(t, stateDir, path, "", &api.Status{State: api.EnvironmentDown}, nil)
	elsewhere := filepath.Join(t.TempDir(), "Tiltfile")
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	around := running(readyResource("web"))
	outer := pausedEnvironment(t, stateDir, elsewhere, "outer", &around, nil)
	vars = append(vars, environmentVariable+"="+outer.ID)
	nowhere := append(slices.Clone(vars), "PWD="+t.TempDir())
	for _, c := range []struct {
		name string
		args []string
		env  []string
		want string // in what it prints
		code int
	}{
		{"envflow", []string{"status"}, vars, inner.ID, 0},
		{"envflow", []string{"status"}, nowhere, outer.ID, 0},
		{"envflow", []string{"down"}, vars, inner.ID + " is down already", 0},
		{"envflow", []string{"pause"}, nowhere, "there is no Tiltfile", 4},
		{"tilt", []string{"logs", "web"}, vars, "", 0},
		{"tilt", []string{"logs", "other"}, vars, `"other"`, 2},
		{"tilt", []string{"down"}, vars, inner.ID + " is down already", 0},
		{"tilt", []string{"down"}, nowhere, "there is no Tiltfile", 4},
	} {
		e, stdout, stderr := testEnviron(c.args, c.env...)
		e.Name = c.name
		code := run(t.Context(), e)
		if got := stdout.String() + stderr.String(); code != c.code || !strings.Contains(got, c.want) {
			t.Errorf("%s %v in %s: %d, %s", c.name, c.args, c.env[len(c.env)-1], code, got)
		}
	}
}
