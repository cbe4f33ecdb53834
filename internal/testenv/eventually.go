package testenv

import (
	"testing"
	"time"
)

// pollEvery is how often Eventually tries again.
const pollEvery = 20 * time.Millisecond

// Eventually calls a condition until it returns nil, and fails the test with its last error when the timeout passes
// first. The condition is called at least once, and on the calling goroutine; one that can hang must have a deadline of
// its own. What says in a few words what is waited for.
func Eventually(tb testing.TB, timeout time.Duration, what string, condition func() error) {
	tb.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			tb.Fatalf("%s: not within %s: %v", what, timeout, err)
		case <-tb.Context().Done():
			tb.Fatalf("%s: the test ended: %v", what, err)
		case <-tick.C:
		}
	}
}
