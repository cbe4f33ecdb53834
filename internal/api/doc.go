// Package api holds what crosses a process or outlives one: the fixed names of workflows, activities, signals, queries,
// updates, error types and search attributes, and the messages sent under these names.
//
// A name, once released, is in recorded histories: it never changes, whatever the Go identifier is called. Messages are plain
// data without behaviour, and carry no secret. It may import internal/plan, and nearly everything may import it.
package api
