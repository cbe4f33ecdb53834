package plan

import (
	"runtime"
	"strings"
)

// HostCommand returns how this machine runs a command line.
func HostCommand(line string) []string {
	if runtime.GOOS == "windows" {
		return []string{"cmd", "/S", "/C", line}
	}
	return []string{"sh", "-c", line}
}

// CommandLine shows an argv as people write it.
func CommandLine(argv []string) string {
	if shell := HostCommand(argv[len(argv)-1]); len(argv) == len(shell) && argv[0] == shell[0] && argv[1] == shell[1] {
		return argv[len(argv)-1]
	}
	words := make([]string, 0, len(argv))
	for _, arg := range argv {
		words = append(words, Quote(arg))
	}
	return strings.Join(words, " ")
}

// Quote makes one word of s for a POSIX shell.
func Quote(s string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./-_", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}
