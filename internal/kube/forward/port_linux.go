package forward

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// addressInUse reports whether err says that another program has the port.
func addressInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// listening is the state of a listening socket in /proc/net/tcp.
const listening = "0A"

// portOwner says who listens on a port: "PID 123 (nginx)". It returns "" if that cannot be seen, as with processes of other
// users.
func portOwner(port int) string {
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) < 10 || fields[3] != listening {
				continue
			}
			_, hex, _ := strings.Cut(fields[1], ":")
			if n, err := strconv.ParseUint(hex, 16, 16); err == nil && int(n) == port {
				inodes["socket:["+fields[9]+"]"] = true
			}
		}
		_ = f.Close()
	}
	if len(inodes) == 0 {
		return ""
	}
	handles, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, handle := range handles {
		if target, err := os.Readlink(handle); err != nil || !inodes[target] {
			continue
		}
		pid := strings.Split(handle, "/")[2]
		name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("PID %s (%s)", pid, strings.TrimSpace(string(name)))
	}
	return ""
}
