package supervise

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// bootID is not the time of the boot, which moves when somebody sets the clock.
var bootID = sync.OnceValue(func() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid") // without it, all boots are one
	return id
})

const zombie = 5 // SZOMB of <sys/proc.h>

func startOf(pid int) (string, bool) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(info.Proc.P_pid) != pid || info.Proc.P_stat == zombie {
		return "", false
	}
	return fmt.Sprintf("%d.%06d", info.Proc.P_starttime.Sec, info.Proc.P_starttime.Usec), true
}

// adoptOrphans: macOS gives orphans to launchd. Those that stay in the command's process group are found by it.
func adoptOrphans() error { return nil }

// descendants returns the processes below this one that have not ended, and those of their process groups. The group of the
// command counts although its leader has ended: its other members belong to launchd then.
func descendants(command int, _ bool) (pids []int) {
	all, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil
	}
	below := map[int]bool{os.Getpid(): true}
	groups := map[int]bool{command: true}
	for again := true; again; {
		again = false
		for i := range all {
			pid, parent, group := int(all[i].Proc.P_pid), int(all[i].Eproc.Ppid), int(all[i].Eproc.Pgid)
			if !below[pid] && (below[parent] || groups[group]) {
				below[pid], groups[group], again = true, true, true
				if all[i].Proc.P_stat != zombie {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

// leftovers returns the processes of the process group that a shim's command had.
func leftovers(_ string, state State) (pids []int) {
	if state.Command.PID == 0 || state.Command.Boot != bootID() {
		return nil
	}
	all, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil
	}
	for i := range all {
		started := fmt.Sprintf("%d.%06d", all[i].Proc.P_starttime.Sec, all[i].Proc.P_starttime.Usec)
		// A group whose number was given again is younger than the shim's next look, and its leader is another process.
		if int(all[i].Eproc.Pgid) != state.Command.PID || all[i].Proc.P_stat == zombie {
			continue
		}
		if pid := int(all[i].Proc.P_pid); pid == state.Command.PID && started != state.Command.Start {
			return nil
		} else if pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}
