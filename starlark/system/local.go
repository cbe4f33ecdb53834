package system

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

const (
	pipeDelay = 2 * time.Second // how long a command's children may hold its output after it ended
	maxOutput = 64 << 20        // bytes that a command may print
	maxLine   = 64 << 10        // bytes of its output that are shown as one line
)

// local runs a command and returns what it printed. It is refused on a cluster that may be a production one, since what it does
// there is not known.
func local(c *kit.Call) (gostarlark.Value, error) {
	var argv, bat kit.HostCmd
	var quiet, echoOff bool
	var env kit.StrDict
	var dir kit.Str
	var stdin gostarlark.Value
	if err := c.Unpack("command", &argv, "quiet?", &quiet, "command_bat?", &bat, "echo_off?", &echoOff,
		"env?", &env, "dir?", &dir, "stdin?", &stdin); err != nil {
		return nil, err
	}
	argv = argv.OnThisHost(bat)
	if len(argv) == 0 {
		return nil, errors.New("the command is empty")
	}
	if c.Guard != nil {
		if err := c.Guard("run 'local'"); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(c.Ctx, argv[0], argv[1:]...)
	if program, err := c.Environ.LookPath(argv[0]); err == nil {
		cmd.Path, cmd.Err = program, nil
	} else if isOther(argv[0]) {
		cmd.Err = err
	}
	ownGroup(cmd)
	cmd.WaitDelay = pipeDelay
	cmd.Dir = c.WorkingDir()
	if dir != "" {
		cmd.Dir = c.Path(string(dir))
	}
	cmd.Env = c.Environ.List()
	if c.KubeConfigPath != "" && !c.Environ.Changed("KUBECONFIG") {
		cmd.Env = append(cmd.Env, "KUBECONFIG="+c.KubeConfigPath)
	}
	applied, err := newInbox()
	if err != nil {
		return nil, err
	}
	defer applied.remove()
	cmd.Env = append(cmd.Env, plan.ApplyVariable+"="+applied.path)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if stdin != nil && stdin != gostarlark.None {
		text, ok := kit.Text(stdin)
		if !ok {
			return nil, fmt.Errorf("stdin is a %s, want a string", stdin.Type())
		}
		cmd.Stdin = strings.NewReader(text)
	}

	line := plan.CommandLine(argv)
	if !echoOff {
		_, _ = fmt.Fprintf(c.Output(), "local: %s\n", line) // no one to tell if the log is gone
	}
	shown := c.Output()
	if quiet {
		shown = io.Discard
	}
	stdout, stderr := limited{left: maxOutput}, limited{left: maxOutput}
	outLines, errLines := &prefixer{w: shown}, &prefixer{w: shown}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, outLines), io.MultiWriter(&stderr, errLines)
	err = cmd.Run()
	outLines.end()
	errLines.end()
	if ctxErr := c.Ctx.Err(); ctxErr != nil {
		return nil, ctxErr
	}
	if stdout.left < 0 || stderr.left < 0 { // it ended because nobody read on
		return nil, kit.Hint(fmt.Errorf("command %q printed more than %d MiB", line, maxOutput>>20), "let it write to a file, and read what is needed of that")
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		if missing := missingProgram(c, argv, err, stderr.String()); missing != nil {
			return nil, missing
		}
		return nil, fmt.Errorf("command %q failed: %w%s%s", line, err, quoted("stdout", stdout.String()), quoted("stderr", stderr.String()))
	}
	return &kit.Blob{Text: stdout.String()}, applied.take(c)
}

// isOther reports whether a name is that of a program other than the shell, which is there whatever PATH the Tiltfile sets.
func isOther(program string) bool {
	return program != plan.HostCommand("")[0] && filepath.Base(program) == program
}

// errTooMuch is what a command's output ends with that has no end.
var errTooMuch = errors.New("too much output")

// limited keeps a command's output. One that goes on for ever would take all memory.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errTooMuch
	}
	return l.Buffer.Write(p)
}

// quoted returns the end of an output for a message.
func quoted(name, text string) string {
	if text = kit.Tail(text); text == "" {
		return ""
	}
	return fmt.Sprintf("\n%s: %s", name, text)
}

// prefixer writes whole lines, each with a mark before it.
type prefixer struct {
	w   io.Writer
	buf []byte
}

func (p *prefixer) Write(data []byte) (int, error) {
	p.buf = append(p.buf, data...)
	for {
		line, rest, ok := bytes.Cut(p.buf, []byte("\n"))
		switch {
		case !ok && len(p.buf) < maxLine:
			return len(data), nil
		case !ok:
			line, rest = p.buf, nil
		}
		_, _ = fmt.Fprintf(p.w, " → %s\n", line) // no one to tell if the log is gone
		p.buf = rest
	}
}

// end writes a last line that has no end.
func (p *prefixer) end() {
	if len(p.buf) > 0 {
		_, _ = fmt.Fprintf(p.w, " → %s\n", p.buf) // no one to tell if the log is gone
	}
}
