package system

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

const maxLine = 64 << 10 // bytes of a command's output that are shown as one line

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
	cmd := c.Command(c.Ctx, argv...)
	if program, err := c.Environ.LookPath(argv[0]); err == nil {
		cmd.Path, cmd.Err = program, nil
	} else if isOther(argv[0]) {
		cmd.Err = err
	}
	cmd.Dir = c.WorkingDir()
	if dir != "" {
		cmd.Dir = c.Path(string(dir))
		if !kit.IsDir(cmd.Dir) { // else the shell would be said to be missing
			c.Note(cmd.Dir)
			return nil, kit.Hint(fmt.Errorf("dir: there is no folder %s", dir), "paths start from %s", c.WorkingDir())
		}
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
	outLines, errLines := &prefixer{w: shown}, &prefixer{w: shown}
	cmd.Stdout, cmd.Stderr = outLines, errLines
	stdout, stderr, err := kit.Capture(c.Ctx, cmd)
	outLines.end()
	errLines.end()
	switch {
	case err == nil:
		return &kit.Blob{Text: stdout}, applied.take(c)
	case c.Ctx.Err() != nil:
		return nil, err
	case errors.Is(err, kit.ErrTooMuch):
		return nil, kit.Hint(err, "let it write to a file, and read what is needed of that")
	}
	if missing := missingProgram(c, argv, err, stderr); missing != nil {
		return nil, missing
	}
	return nil, fmt.Errorf("command %q failed: %w%s%s", line, err, quoted("stdout", stdout), quoted("stderr", stderr))
}

// isOther reports whether a name is that of a program other than the shell, which is there whatever PATH the Tiltfile sets.
func isOther(program string) bool {
	return program != plan.HostCommand("")[0] && filepath.Base(program) == program
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
