//go:build !linux

package server_test

import "testing"

func asNobody(t *testing.T, _ string) string {
	t.Helper()
	t.Skip("becomes another user, which is tested on Linux only")
	return ""
}

func listening(t *testing.T, _ int) []string {
	t.Helper()
	t.Skip("looks up a process's ports in /proc, which only Linux has")
	return nil
}
