//go:build !linux

package watch

import (
	"errors"
	"syscall"
)

// isLimit reports whether err says that too many files are open: kqueue opens every file it watches.
func isLimit(err error) bool { return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) }

func limitAdvice(error) (setting, value, advice string) {
	return "open files", "see ulimit -n", "ulimit -n 65536"
}
