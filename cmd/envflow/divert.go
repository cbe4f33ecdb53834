package main

import (
	"bufio"
	"log/slog"
	"os"
)

// divert hands what libraries print on stderr by themselves to fn, line by line, until end is called: kustomize warns of old
// fields, plugins ask for a login, and all that would be printed into the table. What goes to package log, as helm's warnings do,
// goes to logger.
func divert(logger *slog.Logger, fn func(line string)) (end func()) {
	slog.SetDefault(logger)
	r, w, err := os.Pipe()
	if err != nil {
		logger.Warn("what libraries print stays on stderr", "error", err)
		return func() {}
	}
	stderr := os.Stderr
	os.Stderr = w
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			fn(lines.Text())
		}
		_ = r.Close() // whoever prints more than a line may hold gets an error for it
	}()
	return func() {
		os.Stderr = stderr
		_ = w.Close() // for reading nothing is lost
		<-read
	}
}
