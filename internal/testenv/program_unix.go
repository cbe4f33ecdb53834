//go:build unix

package testenv

import "syscall"

// startNothing keeps this process from starting others until end is called.
func startNothing() (end func()) {
	syscall.ForkLock.RLock()
	return syscall.ForkLock.RUnlock
}
