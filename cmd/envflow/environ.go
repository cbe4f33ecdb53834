package main

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envflow/envflow/internal/state"
)

// environ is everything a command may know of the process it runs in. Tests make their own, so that nothing below run
// touches the real one. It is used by one run at a time.
type environ struct {
	Name      string   // under which the program was called, without folder and .exe; "": envflow
	Args      []string // without the program's name
	Stdin     io.Reader
	Stdout    io.Writer
	Stderr    io.Writer
	LookupEnv func(name string) (string, bool)
	Environ   func() []string        // all variables, NAME=value
	WorkDir   func() (string, error) // the current folder

	// IsTerminal reports whether a stream of the fields above is a terminal that understands colour.
	IsTerminal func(stream any) bool
	// Notify starts sending the signals that end a command to c until stop is called. Nil means there are none.
	Notify func(c chan<- os.Signal) (stop func())
	// Exit ends the process at once; it is called for the second signal only.
	Exit func(code int)

	line    *line                 // the command line of this run, as far as it was understood
	flagEnv map[cli.Flag][]string // the environment variables that set a flag, see detachEnv
	secrets []string              // values that report must not print
}

// processEnviron returns the environ of this process.
func processEnviron() *environ {
	return &environ{
		Name:       cmp.Or(os.Getenv(state.NameVariable), strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")),
		Args:       os.Args[1:],
		Stdin:      os.Stdin,
		Stdout:     os.Stdout,
		Stderr:     os.Stderr,
		LookupEnv:  os.LookupEnv,
		Environ:    os.Environ,
		WorkDir:    os.Getwd,
		IsTerminal: isTerminal,
		Notify:     notifySignals,
		Exit:       os.Exit,
	}
}

// env returns an environment variable, "" if it is not set.
func (e *environ) env(name string) string {
	value, _ := e.LookupEnv(name)
	return value
}

// isOn reports whether a global bool flag such as --verbose was given, also on a line that turned out to be wrong.
func (e *environ) isOn(flag string) bool {
	return e.line != nil && e.line.last(flag) == "true"
}

// secret makes report replace value wherever it would print it. Commands call it for what they read themselves.
func (e *environ) secret(value string) {
	const shortest = 4 // less would blot out parts of ordinary words
	if len(value) >= shortest {
		e.secrets = append(e.secrets, value)
	}
}
