package version

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGet(t *testing.T) {
	t.Parallel()
	got := Get()
	if got.Version == "" || got.Commit == "" || got.Date == "" || got.Go != runtime.Version() || got.OS != runtime.GOOS || got.Arch != runtime.GOARCH {
		t.Errorf("%+v", got)
	}
}

func TestInfo_Fill(t *testing.T) {
	t.Parallel()
	build := &debug.BuildInfo{
		Main:     debug.Module{Version: "v0.1.0"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}},
	}
	got := Info{Version: "dev", Commit: "unknown", Date: "unknown"}
	got.fill(build)
	want := Info{Version: "0.1.0", Commit: "abc-dirty", Date: "2026-01-02T03:04:05Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a plain build (-want +got):\n%s", diff)
	}

	stamped := Info{Version: "1.2.3", Commit: "def", Date: "then"}
	got = stamped
	got.fill(build)
	if diff := cmp.Diff(stamped, got); diff != "" {
		t.Errorf("a build by the Makefile (-want +got):\n%s", diff)
	}

	got = Info{Version: "dev", Commit: "unknown", Date: "unknown"}
	got.fill(&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}})
	if diff := cmp.Diff(Info{Version: "dev", Commit: "unknown", Date: "unknown"}, got); diff != "" {
		t.Errorf("a build that knows nothing (-want +got):\n%s", diff)
	}
}

func TestInfo_ShortCommit(t *testing.T) {
	t.Parallel()
	for commit, want := range map[string]string{
		"unknown": "unknown",
		"de19bfb88dea01ca3f8c7c2b3aed6c7244f6be6b":       "de19bfb88dea",
		"de19bfb88dea01ca3f8c7c2b3aed6c7244f6be6b-dirty": "de19bfb88dea-dirty",
	} {
		if got := (Info{Commit: commit}).ShortCommit(); got != want {
			t.Errorf("%s: %q, want %q", commit, got, want)
		}
	}
}

func TestInfo_JSON(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(Info{"0.1.0", "abc", "then", "go1", "linux", "amd64"})
	want := `{"version":"0.1.0","commit":"abc","date":"then","go":"go1","os":"linux","arch":"amd64"}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}
