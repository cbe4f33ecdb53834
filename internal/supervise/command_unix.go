//go:build unix

package supervise

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// command is a command that runs, in a process group of its own.
type command struct {
	alone   bool
	session bool // only what is left in this session has to end
	process int  // PID of the leader, and the group's number
	ended   chan struct{}
	exit    *Exit // read after ended
	output  sync.WaitGroup
	pipes   []*os.File // that its output comes from
	stop    chan struct{}
}

// start runs argv with this process's environment and more. Its output goes to out.
func start(argv, more []string, alone bool, out *output) (*command, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	c := &command{alone: alone, ended: make(chan struct{}), stop: make(chan struct{})}
	files := []uintptr{null.Fd()}
	var writers []*os.File
	defer func() {
		for _, w := range writers { // the command has its own
			_ = w.Close()
		}
	}()
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			c.closePipes()
			return nil, err
		}
		c.pipes, writers, files = append(c.pipes, r), append(writers, w), append(files, w.Fd())
	}
	// Before the command: its end must not be missed.
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD) //nolint:forbidigo // nobody asks for anything by it: a child has ended
	// Not exec.Cmd: this process waits for every child there is, and its Wait would miss the command's end.
	c.process, err = syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env: append(os.Environ(), more...), Files: files, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		signal.Stop(children)
		c.closePipes()
		return nil, err
	}
	for i, stream := range []byte{Stdout, Stderr} {
		c.output.Go(func() { out.take(stream, c.pipes[i]) })
	}
	go c.reap(children)
	return c, nil
}

func (c *command) pid() int { return c.process }

func (c *command) closePipes() {
	for _, p := range c.pipes {
		_ = p.Close()
	}
}

// reap waits for the command, and for what it left to this process.
func (c *command) reap(children chan os.Signal) {
	defer signal.Stop(children)
	for {
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || pid <= 0 {
				break
			}
			if pid == c.process {
				c.exit = exitOf(status)
				close(c.ended)
			}
		}
		select {
		case <-children:
		case <-c.stop:
			return
		}
	}
}

func exitOf(status syscall.WaitStatus) *Exit {
	e := &Exit{Code: status.ExitStatus(), At: time.Now().UTC()}
	if status.Signaled() {
		e.Code, e.Signal = 128+int(status.Signal()), status.Signal().String()
	}
	return e
}

// How often it is looked whether everything has ended, and how long output is waited for that should be at its end.
const (
	endEvery   = 20 * time.Millisecond
	outputWait = 2 * time.Second
)

// end asks all that belongs to the command to end, waits until it has, and kills what has not after the grace.
func (c *command) end(ask syscall.Signal, grace time.Duration) {
	kill := time.Now().Add(grace)
	asked := map[int]bool{}
	for none := 0; none < 2; { // a look may miss a child whose parent ends at that moment; two do not
		left := c.left()
		if len(left) == 0 {
			none++
			continue
		}
		none = 0
		late := time.Now().After(kill)
		for _, pid := range left {
			switch {
			case late:
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
			case !asked[pid]:
				asked[pid] = true
				_ = syscall.Kill(pid, ask) // as above
			}
		}
		<-time.After(endEvery)
	}
	<-c.ended
	close(c.stop)
	done := make(chan struct{})
	go func() { c.output.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(outputWait): // somebody else has got hold of the pipe
	}
	c.closePipes()
	<-done
}

// left are the processes that have to end.
func (c *command) left() []int {
	if !c.alone {
		return descendants(c.process, c.session)
	}
	select {
	case <-c.ended:
		return nil
	default:
		return []int{c.process}
	}
}

// kill ends everything at once.
func (c *command) kill() { c.end(syscall.SIGKILL, 0) }
