package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// command is a command that runs, in a job object of its own.
type command struct {
	cmd     *exec.Cmd
	job     windows.Handle
	session bool // has no meaning here: the job has all
	ended   chan struct{}
	exit    *Exit // read after ended
	output  sync.WaitGroup
	pipes   []*os.File // that its output comes from
}

// start runs argv with this process's environment and more. Its output goes to out.
func start(argv, more []string, alone bool, out *output) (*command, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make a job object: %w", err)
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE}, // also if the shim is killed
	}
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))); err != nil { //nolint:gosec // how the system takes it
		_ = windows.CloseHandle(job)
		return nil, fmt.Errorf("limit a job object: %w", err)
	}
	c := &command{job: job, ended: make(chan struct{})}
	c.cmd = exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // what the user wants to run, for as long as it takes
	c.cmd.Env = append(os.Environ(), more...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	for _, to := range []func(*os.File){func(w *os.File) { c.cmd.Stdout = w }, func(w *os.File) { c.cmd.Stderr = w }} {
		r, w, err := os.Pipe()
		if err != nil {
			c.close()
			return nil, err
		}
		defer func() { _ = w.Close() }() // the command has its own
		c.pipes = append(c.pipes, r)
		to(w)
	}
	if err := c.cmd.Start(); err != nil {
		c.close()
		return nil, err
	}
	// What it starts before this is not in the job; there is no way to start a process stopped from here.
	// One that is alone is in none either, so it is asked to end, and not waited for.
	if h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(c.pid())); err == nil && !alone { //nolint:gosec // a PID is not negative
		_ = windows.AssignProcessToJobObject(job, h)
		_ = windows.CloseHandle(h)
	}
	for i, stream := range []byte{Stdout, Stderr} {
		c.output.Go(func() { out.take(stream, c.pipes[i]) })
	}
	go func() {
		_ = c.cmd.Wait() // the state says how it ended
		c.exit = &Exit{Code: c.cmd.ProcessState.ExitCode(), At: time.Now().UTC()}
		close(c.ended)
	}()
	return c, nil
}

func (c *command) pid() int { return c.cmd.Process.Pid }

func (c *command) close() {
	for _, p := range c.pipes {
		_ = p.Close()
	}
	_ = windows.CloseHandle(c.job)
}

// end asks the command to end, waits until it and all it started have, and kills what has not after the grace.
func (c *command) end(_ syscall.Signal, grace time.Duration) {
	_ = windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(c.pid())) //nolint:gosec // a PID is not negative
	for kill := time.Now().Add(grace); c.running() > 0; <-time.After(20 * time.Millisecond) {
		if time.Now().After(kill) {
			_ = windows.TerminateJobObject(c.job, 1)
		}
	}
	<-c.ended
	c.output.Wait()
	c.close()
}

// accounting is the system's JOBOBJECT_BASIC_ACCOUNTING_INFORMATION.
type accounting struct {
	_               [4]int64 // times
	_, _            uint32   // page faults, processes in all
	ActiveProcesses uint32
	_               uint32 // terminated
}

// running returns how many processes of the job have not ended.
func (c *command) running() uint32 {
	var info accounting
	err := windows.QueryInformationJobObject(c.job, windows.JobObjectBasicAccountingInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil) //nolint:gosec // how the system takes it
	if err != nil {
		return 0
	}
	return info.ActiveProcesses
}

// kill ends everything at once.
func (c *command) kill() { c.end(syscall.SIGKILL, 0) }
