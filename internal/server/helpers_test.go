package server_test

import (
	"strings"
	"testing"
	"time"
)

// eventually waits until done holds.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline.C:
			t.Fatalf("waited 30 s for %s", what)
		case <-tick.C:
		}
	}
}

// containsVariable reports whether a process's environment, as /proc has it, sets the variable.
func containsVariable(environ, name string) bool {
	for _, pair := range strings.Split(environ, "\x00") {
		if n, _, _ := strings.Cut(pair, "="); n == name {
			return true
		}
	}
	return false
}
