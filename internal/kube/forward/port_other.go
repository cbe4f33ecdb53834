//go:build !linux

package forward

import (
	"errors"
	"syscall"
)

// wsaAddressInUse is how Windows says it.
const wsaAddressInUse = syscall.Errno(10048)

// addressInUse reports whether err says that another program has the port.
func addressInUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddressInUse)
}

// portOwner cannot see who listens on a port here.
func portOwner(int) string { return "" }
