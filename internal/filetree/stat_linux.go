package filetree

import (
	"io/fs"
	"syscall"
)

// system returns the time of the last status change in ns since 1970, and the inode.
func system(info fs.FileInfo) (ctime int64, inode uint64) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return s.Ctim.Nano(), s.Ino
}
