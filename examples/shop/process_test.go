package shop_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// limit is how long anything may take that a test waits for.
const limit = 20 * time.Second

// binaries returns a folder with all services, compiled.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./services/...")
	build.Stderr = os.Stderr
	return dir, build.Run()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := binaries(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// process is a service that runs.
type process struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	output *output
	stop   func() // tells it to stop, and waits until it has
}

// start starts a service. It is stopped at the end of the test.
func start(t *testing.T, name string, env ...string) *process {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a program cannot be told to stop on Windows")
	}
	dir, err := binaries()
	if err != nil {
		t.Fatalf("compile the services: %v", err)
	}
	p := &process{t: t, name: name, cmd: exec.Command(filepath.Join(dir, name)), output: &output{changed: make(chan struct{}, 1)}}
	p.cmd.Env = append(append(os.Environ(), "SHOP_LISTEN=127.0.0.1:0"), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	p.stop = sync.OnceFunc(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("%s stops with %v", name, err)
		}
		if t.Failed() {
			t.Logf("%s logged:\n%s", name, p.output.text())
		}
	})
	t.Cleanup(p.stop)
	return p
}

// address returns the address in the log line with the message.
func (p *process) address(message string) string {
	p.t.Helper()
	pattern := regexp.MustCompile(`msg="?` + message + `"? address=(\S+)`)
	timeout := time.After(limit)
	for {
		if match := pattern.FindStringSubmatch(p.output.text()); match != nil {
			return match[1]
		}
		select {
		case <-p.output.changed:
		case <-timeout:
			p.t.Fatalf("%s does not log %q", p.name, message)
		}
	}
}

// url returns the address of its HTTP server.
func (p *process) url() string { return "http://" + p.address("listening") }

// output is what a process has printed so far.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return o.buf.Write(data)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// eventually returns when the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(limit)
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}
