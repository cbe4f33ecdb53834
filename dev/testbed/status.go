package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/envflow/envflow/dev/testbed/proc"
)

// status prints a line for everything, or for the one that names say, and ends with status 1 if something is wrong.
func (t *testbed) status(ctx context.Context, names []string) error {
	checks := t.checks()
	if len(names) > 0 {
		var chosen []check
		for _, c := range checks {
			if c.name == names[0] {
				chosen = append(chosen, c)
			}
		}
		if checks = chosen; len(checks) == 0 {
			return fmt.Errorf("%w: there is nothing called %q", errUsage, names[0])
		}
	}
	sick := 0
	table := tabwriter.NewWriter(t.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTATE\tPID\tAGE\tDETAIL")
	for i, err := range t.results(ctx, checks) {
		state, detail := "healthy", ""
		if err != nil {
			state, detail = "unhealthy", firstLine(err.Error())
			sick++
		}
		pid, age := "-", "-"
		if r := (daemon{name: checks[i].name}).record(); checks[i].daemon && r.Alive() {
			pid, age = strconv.Itoa(r.PID), r.Age().String()
		} else if checks[i].name == "coredns" {
			if running := coreDNSProcesses(); len(running) > 0 {
				pid, age = strconv.Itoa(running[0].PID), running[0].Age().String()
			}
		} else if checks[i].name == "dockerd" && err == nil {
			detail = "started by this machine, not by the testbed"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", checks[i].name, state, pid, age, detail)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print status: %w", err)
	}
	if sick > 0 {
		return exitError{exitFailed}
	}
	return nil
}

// coreDNSProcesses returns the processes of CoreDNS; those are in a pod, where its program has a name of its own.
func coreDNSProcesses() []proc.Process {
	var found []proc.Process
	for _, p := range podProcesses() {
		if p.Args[0] == "/coredns" {
			found = append(found, p)
		}
	}
	return found
}

func firstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}
