package version

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// Info describes a build. Its JSON form is the answer of `envflow version -o json`.
type Info struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Date    string `json:"date"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// Get describes this build. What the Makefile did not set is taken from what the go command recorded, so that
// `go install` of a release and a plain `go build` in a checkout say what they are too.
func Get() Info {
	info := Info{Version: Version, Commit: Commit, Date: Date, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok {
		info.fill(build)
	}
	return info
}

// fill sets what is still a default.
func (i *Info) fill(build *debug.BuildInfo) {
	if v, ok := strings.CutPrefix(build.Main.Version, "v"); ok && i.Version == "dev" {
		i.Version = v
	}
	settings := map[string]string{}
	for _, s := range build.Settings {
		settings[s.Key] = s.Value
	}
	if rev := settings["vcs.revision"]; rev != "" && i.Commit == "unknown" {
		i.Commit = rev
		if settings["vcs.modified"] == "true" {
			i.Commit += "-dirty"
		}
	}
	if at := settings["vcs.time"]; at != "" && i.Date == "unknown" {
		i.Date = at
	}
}

// ShortCommit is the commit as people compare it: 12 digits, and -dirty if it was.
func (i Info) ShortCommit() string {
	const digits = 12
	hash, dirty, isDirty := strings.Cut(i.Commit, "-")
	if len(hash) > digits {
		hash = hash[:digits]
	}
	if isDirty {
		hash += "-" + dirty
	}
	return hash
}
