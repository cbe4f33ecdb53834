package testenv

import (
	"os"
	"path/filepath"
	"testing"
)

// Program writes a script that a test is going to run. No process is started meanwhile: it would have the file open for
// writing until it runs its own program, and to run a file that somebody may write to is refused (text file busy).
func Program(tb testing.TB, path, text string) {
	tb.Helper()
	defer startNothing()()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil { //nolint:gosec // it is run
		tb.Fatal(err)
	}
	if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // the file may have been there, or the umask narrow
		tb.Fatal(err)
	}
}
