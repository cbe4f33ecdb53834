package ignore

import "github.com/envflow/envflow/internal/plan"

// EditorFiles returns the temporary files of editors and tools below base, which come and go while somebody types. They are
// the ones that Tilt leaves out of every watch and build (its internal/ignore).
func EditorFiles(base string) plan.Ignore {
	return plan.Ignore{
		Base:   base,
		Source: "temporary files of editors",
		Patterns: []string{
			"**/*___jb_old___", "**/*___jb_tmp___", "**/.idea", // JetBrains
			"**/.#*", "**/#*#", "**/flymake_*.*", // Emacs
			"**/4913", "**/*~", "**/.*.swp", "**/.*.swx", "**/.*.swo", "**/.*.swn", // Vim
			"**/.*.kate-swp",     // Kate
			"**/*-go-tmp-umask",  // the go command, for a moment
			"**/.goutputstream*", // GNOME: the new content before it is renamed
		},
	}
}
