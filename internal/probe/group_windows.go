package probe

import "os/exec"

// ownGroup does nothing here: the command is ended, and its pipes are closed soon after.
func ownGroup(*exec.Cmd) {}
