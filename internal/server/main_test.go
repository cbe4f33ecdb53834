package server_test

import (
	"os"
	"testing"
)

// TestMain also is what tests run as another user.
func TestMain(m *testing.M) {
	if args := os.Getenv("ENVFLOW_TEST_INTRUDER"); args != "" {
		intrude(args)
		os.Exit(0)
	}
	os.Exit(m.Run())
}
