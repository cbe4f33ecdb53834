package supervise

import (
	"strconv"

	"golang.org/x/sys/windows"
)

// bootID is the same for all boots: the system tells them apart by a clock that people set only, and the time at which a process
// was created is enough.
func bootID() string { return "" }

func startOf(pid int) (string, bool) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid)) //nolint:gosec // a PID is not negative
	if err != nil {
		return "", false
	}
	defer func() { _ = windows.CloseHandle(h) }()
	if event, err := windows.WaitForSingleObject(h, 0); err != nil || event == windows.WAIT_OBJECT_0 {
		return "", false // it has ended
	}
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &created, &exited, &kernel, &user); err != nil {
		return "", false
	}
	return strconv.FormatInt(created.Nanoseconds(), 10), true
}

// adoptOrphans: the command's job object holds all that it starts.
func adoptOrphans() error { return nil }

// leftovers returns the command of a shim that was killed. What that has started went with its job object.
func leftovers(_ string, state State) []int {
	if state.Command.Alive() {
		return []int{state.Command.PID}
	}
	return nil
}
