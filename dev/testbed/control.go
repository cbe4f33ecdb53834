package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/envflow/envflow/dev/testbed/proc"
)

// control kills, stops, starts or restarts one daemon.
func (t *testbed) control(ctx context.Context, command, name string) error {
	if name == "coredns" {
		return t.locked(ctx, func(ctx context.Context) error { return t.controlCoreDNS(ctx, command) })
	}
	d, err := t.daemon(name)
	if err != nil {
		return err
	}
	return t.locked(ctx, func(ctx context.Context) error { return t.controlDaemon(ctx, command, d) })
}

func (t *testbed) controlDaemon(ctx context.Context, command string, d daemon) error {
	if d.name == "dockerd" && t.foreignEngine(ctx) {
		return errors.New("the Docker engine of this machine is not the testbed's; use the machine's own means to stop or start it")
	}
	runs := len(d.strays()) > 0
	if !runs && (command == "kill" || command == "stop") {
		t.say(command, "%s, which does not run", d.name)
		return nil
	}
	if runs && command == "start" && d.record().Alive() {
		t.say("start", "%s, which runs already", d.name)
		return nil
	}
	if command != "start" {
		grace := d.grace
		if command == "kill" {
			grace = 0
		}
		if err := t.end(ctx, d, grace, command); err != nil {
			return err
		}
	}
	if command == "kill" || command == "stop" {
		return nil
	}
	if err := t.start(ctx, d); err != nil {
		return err
	}
	if d.name == "dockerd" {
		return t.allowForwarding(ctx)
	}
	return nil
}

// controlCoreDNS does the same for CoreDNS, which is no daemon but a Deployment: killed it comes back by itself.
func (t *testbed) controlCoreDNS(ctx context.Context, command string) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	running := coreDNSProcesses()
	if command == "kill" || command == "restart" {
		t.say(command, "coredns, processes %v", pids(running))
		if err := endAll(ctx, running); err != nil || command == "kill" {
			return err
		}
	}
	if command == "stop" {
		t.say("stop", "coredns")
		if err := client.Scale(ctx, coreDNSPath, 0); err != nil {
			return err
		}
		return eventually(ctx, readyLimit, func(context.Context) error {
			if left := coreDNSProcesses(); len(left) > 0 {
				return fmt.Errorf("coredns still runs as processes %v", pids(left))
			}
			return nil
		})
	}
	if command == "start" {
		t.say("start", "coredns")
		if err := client.Scale(ctx, coreDNSPath, 1); err != nil {
			return err
		}
	}
	return eventually(ctx, readyLimit, dnsAnswers)
}

func pids(processes []proc.Process) []int {
	numbers := make([]int, len(processes))
	for i, p := range processes {
		numbers[i] = p.PID
	}
	return numbers
}
