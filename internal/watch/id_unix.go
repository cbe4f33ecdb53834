//go:build unix

package watch

import (
	"io/fs"
	"syscall"
)

// fileID tells one folder from another. The zero one is none.
type fileID struct{ device, inode uint64 }

func idOf(info fs.FileInfo) fileID {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}
	}
	return fileID{device: uint64(stat.Dev), inode: stat.Ino} //nolint:unconvert // Dev is of another type on each system
}
