//go:build unix

package state

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

var errDiskFull error = syscall.ENOSPC

// socketRoot is /tmp and not os.TempDir(): on macOS that is a long path that takes most of what a socket may have.
func socketRoot() string { return "/tmp" }

// ownedByMe reports whether the file is this user's, and whose it is.
func ownedByMe(info fs.FileInfo) (owner string, mine bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", true
	}
	return strconv.Itoa(int(stat.Uid)), int(stat.Uid) == os.Geteuid()
}

// FreeSpace returns how many bytes this user may still write on the disk that holds path.
func FreeSpace(path string) (uint64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 0, fmt.Errorf("look at the disk of %s: %w", path, err)
	}
	return fs.Bavail * uint64(fs.Bsize), nil //nolint:gosec // a block size is positive; its type differs by system
}
