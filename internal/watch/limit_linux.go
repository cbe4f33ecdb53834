package watch

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// isLimit reports whether err says that the user has too many watches (ENOSPC) or too many watchers (EMFILE).
func isLimit(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// limitAdvice names the setting behind err, its value and how to raise it.
func limitAdvice(err error) (setting, value, advice string) {
	setting, advice = "fs.inotify.max_user_watches", "sudo sysctl fs.inotify.max_user_watches=1048576"
	if !errors.Is(err, syscall.ENOSPC) {
		setting, advice = "fs.inotify.max_user_instances", "sudo sysctl fs.inotify.max_user_instances=8192"
	}
	data, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(setting, ".", "/"))
	if err != nil {
		return setting, "unknown", advice
	}
	return setting, strings.TrimSpace(string(data)), advice
}
