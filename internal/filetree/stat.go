package filetree

import "io/fs"

// Stat is what changes when somebody touches a file. Where the system has no inode or time of status change, they are 0.
type Stat struct {
	Size  int64
	MTime int64 // ns since 1970: the content was written
	CTime int64 // ns since 1970: content, mode or name changed; no program can set it
	Inode uint64
}

// Stats are those of a tree, by absolute path.
type Stats map[string]Stat

// Touched returns the paths that were written, created or removed between two looks, sorted. The content may be the same.
func Touched(before, after Stats) []string {
	return differing(before, after)
}

func statOf(info fs.FileInfo) Stat {
	s := Stat{Size: info.Size(), MTime: info.ModTime().UnixNano()}
	if info.IsDir() {
		// Names that come and go below are entries of their own, or ignored.
		return Stat{}
	}
	s.CTime, s.Inode = system(info)
	return s
}
