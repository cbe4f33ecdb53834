package testenv

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Root returns the root folder of the checkout that the test runs in.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("find the checkout: %v", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(content, []byte("module github.com/envflow/envflow\n")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("find the checkout: no go.mod of envflow above the test's folder")
		}
	}
}
