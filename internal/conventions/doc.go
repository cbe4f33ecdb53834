// Package conventions holds no code, only tests of the repository itself: that imports follow the directions of
// docs/architecture.md, that go.mod has the versions known to work together, that packages say what they are, and that the
// patterns in .golangci.yml still match something.
//
// What golangci-lint can check is checked there. Nothing imports this package. Its tests need the go command, use no
// network beyond what compiling needs, and take a few seconds.
package conventions
