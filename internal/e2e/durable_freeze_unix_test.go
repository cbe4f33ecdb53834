//go:build unix

package e2e_test

import "syscall"

// freeze makes the worker, the server or both stand still, as on a laptop that sleeps.
func (u *user) freeze(what string) { u.t.Helper(); u.signalTo(syscall.SIGSTOP, what) }

// thaw lets them go on.
func (u *user) thaw(what string) { u.t.Helper(); u.signalTo(syscall.SIGCONT, what) }
