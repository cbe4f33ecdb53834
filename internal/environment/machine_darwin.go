package environment

import "golang.org/x/sys/unix"

// systemMachineID is the hardware UUID, "" if the kernel does not say.
func systemMachineID() string {
	id, err := unix.Sysctl("kern.uuid")
	if err != nil {
		return ""
	}
	return id
}
