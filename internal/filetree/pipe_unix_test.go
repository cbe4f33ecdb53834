//go:build unix

package filetree_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/envflow/envflow/internal/filetree"
)

// Opening a pipe that nobody writes to would hang.
func TestScan_LeavesPipesOut(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	pipe := filepath.Join(root, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	tree, _ := scan(t, root, nil, nil)
	if len(tree) != 0 {
		t.Errorf("the tree has %v", tree)
	}
	if _, exists, err := filetree.Digest(t.Context(), pipe, nil); exists || err != nil {
		t.Errorf("Digest: exists %v, error %v", exists, err)
	}
	if tree, _ := scan(t, pipe, nil, nil); len(tree) != 0 {
		t.Errorf("the tree of the pipe has %v", tree)
	}
}
