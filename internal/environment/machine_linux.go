package environment

import (
	"bytes"
	"os"
)

// systemMachineID is the ID that systemd or dbus gave this installation, "" if neither did: man 5 machine-id.
func systemMachineID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		// During the installation of a system the file says that there is none yet.
		if id, err := os.ReadFile(path); err == nil && !bytes.HasPrefix(id, []byte("uninitialized")) && len(bytes.TrimSpace(id)) > 0 {
			return string(id)
		}
	}
	return ""
}
