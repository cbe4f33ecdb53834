//go:build unix

package kit

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe that nobody writes to would hold the evaluation for ever, and a device may give bytes without end.
func TestRun_ReadFileRefusesPipes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := NewRun(t.Context(), Options{Path: filepath.Join(dir, "Tiltfile")})
	for path, want := range map[string]string{
		filepath.Join(dir, "pipe"): "pipe is neither a file nor a folder",
		"/dev/zero":                "/dev/zero is neither a file nor a folder",
	} {
		if _, err := run.ReadFile(path); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if got := run.ConfigFiles(); len(got) != 2 {
		t.Errorf("noted: %v", got)
	}
}
