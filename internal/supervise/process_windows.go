package supervise

import (
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/windows"
)

// bootID is when the machine started, to the minute: the system tells it by a clock that people set.
var bootID = sync.OnceValue(func() string {
	up := windows.DurationSinceBoot()
	return time.Now().Add(-up).Round(time.Minute).UTC().Format(time.RFC3339)
})

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
