package system

import (
	"errors"
	"io/fs"
	"os/exec"
	"regexp"

	"github.com/envflow/envflow/starlark/kit"
)

// exitNotFound is how shells and env end when there is no such program.
const exitNotFound = 127

// notFound is what they say of it: "sh: 1: helm: not found", "bash: line 1: helm: command not found", "zsh: command not found:
// helm", "env: 'python3': No such file or directory".
var notFound = regexp.MustCompile(`(?m)(?:^|: )(?:command not found: ([^\s:]+)|([^\s:]+): (?:command )?not found|['‘"]?([^\s:'’"‘]+)['’"]?: No such file or directory)\r?$`)

// missingProgram explains that a command of an extension ended for want of a program, nil if it did not. Who wrote the command is
// not who reads the message: it has to name the extension.
func missingProgram(c *kit.Call, argv []string, err error, stderr string) error {
	at := c.Trace()
	if len(at) == 0 {
		return nil
	}
	extension := c.ExtensionOf(at[0].File)
	if extension == "" {
		return nil
	}
	program := ""
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if found := notFound.FindStringSubmatch(stderr); found != nil && exit.ExitCode() == exitNotFound {
			program = found[1] + found[2] + found[3] // one of them matched
		}
	} else if errors.Is(err, exec.ErrNotFound) || notThere(err, argv[0]) {
		program = argv[0]
	}
	if program == "" {
		return nil
	}
	return kit.Hint(&kit.MissingProgramError{Extension: extension, Program: program}, "install %s, and see that it is in PATH", program)
}

// notThere reports whether the program itself is what is missing, and not the folder to run it in.
func notThere(err error, program string) bool {
	pe, ok := errors.AsType[*fs.PathError](err)
	return ok && pe.Path == program && errors.Is(err, fs.ErrNotExist)
}
