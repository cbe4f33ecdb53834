// Package ports tells who listens on a port of this machine.
package ports

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// Process is one that listens.
type Process struct {
	PID     int    // 0: this user may not know
	Name    string // of its program
	Command string // its command line, shortened: it may hold a secret
}

// longest is how much of a command line is told.
const longest = 80

// Listener returns who listens on a TCP port of this machine, on any address. It is false where nobody does, or nobody can tell.
func Listener(ctx context.Context, port int) (Process, bool) {
	connections, err := net.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return Process{}, false
	}
	for i := range connections {
		if c := &connections[i]; c.Status == "LISTEN" && int(c.Laddr.Port) == port {
			return describe(ctx, c.Pid), true
		}
	}
	return Process{}, false
}

func describe(ctx context.Context, pid int32) Process {
	p, err := process.NewProcessWithContext(ctx, pid)
	if err != nil || pid == 0 {
		return Process{}
	}
	name, _ := p.NameWithContext(ctx)    // of what has ended meanwhile
	line, _ := p.CmdlineWithContext(ctx) // as above
	line = strings.Join(strings.Fields(line), " ")
	if len(line) > longest {
		line = strings.ToValidUTF8(line[:longest], "") + "..."
	}
	return Process{PID: int(pid), Name: name, Command: cmp.Or(line, name)}
}

// String names it in full.
func (p Process) String() string { return p.describe(p.Command) }

// Short names it without its arguments.
func (p Process) Short() string { return p.describe(p.Name) }

func (p Process) describe(as string) string {
	if p.PID == 0 {
		return "a process of another user"
	}
	return fmt.Sprintf("process %d (%s)", p.PID, as)
}
