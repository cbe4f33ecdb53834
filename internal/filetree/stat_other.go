//go:build !linux && !darwin

package filetree

import "io/fs"

// system returns zeros: a file is told apart by size and time of writing.
func system(fs.FileInfo) (ctime int64, inode uint64) { return 0, 0 }
