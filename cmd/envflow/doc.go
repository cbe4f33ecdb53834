// Command envflow brings up a whole microservice environment from a Tiltfile and keeps it in step with the files on disk.
//
// This package is the command line only. It is the one place that prints, reads environment variables, looks at signals
// and decides exit codes; what a command does lives in worker, dev and internal. Nobody imports it.
//
// How a command line runs (run.go):
//
//  1. parseLine (line.go) takes the words apart against the command tree, so that flags work before, between and after
//     arguments. Everything that can be wrong with a command line is found and worded here, never by urfave/cli.
//  2. urfave/cli gets the words in the one order it understands and calls the command's Action.
//  3. report (report.go) prints the error, if there is one, and returns the exit code.
//
// # Adding a command
//
// Write func xCommand(e *environ) *cli.Command in a file of its own and add one line to commands (app.go).
// ArgsUsage is both what help prints and what is enforced: "SHELL" is one argument, "[NAME]" an optional one,
// "NAME..." one or more, "[NAME...]" any number, and "[-- COMMAND...]" at the end what stands after --, to be read with
// splitDash. Flags must not use Destination or Count, because a value is tried before it is set. BashComplete prints
// the candidates for the arguments, one in a line. In Description, lines that start with a space are printed as they are.
//
// # Output
//
// Stdout is the answer and nothing else; progress, warnings and errors go to stderr. A command whose answer is data has
// outputFlag and ends in environ.print. With -o json the answer is exactly one JSON document; an error is still a
// sentence on stderr, and stdout stays empty unless the command had an answer all the same, so a script looks at the
// exit code first.
//
// Colour is used on a terminal only, and not with NO_COLOR, --no-color or TERM=dumb. It never carries meaning alone.
//
// # Exit codes
//
//	0    done
//	1    failed
//	2    the command line is wrong
//	3    something envflow needs is missing: a daemon, a cluster, a disk with room
//	4    the configuration is wrong: a Tiltfile, a file, an environment variable
//	130  interrupted by SIGINT, SIGTERM or SIGHUP
package main
