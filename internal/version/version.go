// Package version holds what the linker records about a build. It imports nothing and may be imported by anyone.
package version

// Set by the Makefile with -ldflags -X. A plain `go build` leaves the defaults.
var (
	Version = "dev"     // semantic version without a leading v, or "dev"
	Commit  = "unknown" // full git commit hash, with "-dirty" when the tree had changes
	Date    = "unknown" // commit date, RFC 3339 in UTC, so that builds are reproducible
)
