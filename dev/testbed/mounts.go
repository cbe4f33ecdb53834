package main

import "strings"

// mountUnescape undoes the escapes of /proc/self/mountinfo.
var mountUnescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountPoints returns the folders that the text of /proc/self/mountinfo says something is mounted on.
func mountPoints(mountinfo string) []string {
	var points []string
	for line := range strings.Lines(mountinfo) {
		if fields := strings.Fields(line); len(fields) > 4 {
			points = append(points, mountUnescape.Replace(fields[4]))
		}
	}
	return points
}
