// Package failure says of an error what is to be done about it: show it (user), try again (transient), or wait for something
// that is missing (infrastructure).
//
// An error of this package carries two texts. Summary may enter a history: it holds no line of a file, no value of the
// environment and no output of a program. The whole error goes to the log and to state.db.
package failure
