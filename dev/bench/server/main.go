// Command server measures what the background server costs while nobody uses it: processor time and memory over a minute
// after a selftest. `make bench` runs it. It needs bin/envflow and Linux.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	settle  = 20 * time.Second // after the selftest, until its garbage is collected and its worker forgotten
	measure = time.Minute
	ticks   = 100 // of processor time a second, in /proc; a constant of Linux
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "envflow-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	envflow := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, "bin/envflow", args...)
		cmd.Env = append(os.Environ(), "ENVFLOW_STATE_DIR="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("envflow %s: %w", strings.Join(args, " "), err)
		}
		return out, nil
	}
	for _, step := range []struct {
		what string
		args []string
	}{
		{"envflow version", []string{"version"}},
		{"server start, new database", []string{"server", "start"}},
		{"server stop", []string{"server", "stop"}},
		{"server start, known database", []string{"server", "start"}},
		{"selftest", []string{"selftest"}},
	} {
		began := time.Now()
		if _, err := envflow(step.args...); err != nil {
			return err
		}
		fmt.Printf("%-30s %6.0f ms\n", step.what, float64(time.Since(began).Microseconds())/1000)
	}
	defer func() {
		_, stopErr := envflow("server", "stop")
		err = errors.Join(err, stopErr)
	}()
	out, err := envflow("server", "status", "-o", "json")
	if err != nil {
		return err
	}
	var status struct{ PID int }
	if err := json.Unmarshal(out, &status); err != nil {
		return err
	}
	return watch(status.PID)
}

// watch prints what the process costs while it idles.
func watch(pid int) error {
	<-time.After(settle)
	before, err := cpu(pid)
	if err != nil {
		return err
	}
	<-time.After(measure)
	after, err := cpu(pid)
	if err != nil {
		return err
	}
	fmt.Printf("%-30s %6.2f %% of one core over %s\n", "server, idle", 100*(after-before).Seconds()/measure.Seconds(), measure)
	for _, key := range []string{"Pss", "Pss_Anon", "Pss_File"} {
		kb, err := memory(pid, key)
		if err != nil {
			return err
		}
		fmt.Printf("%-30s %6.1f MB\n", "server, "+key, float64(kb)/1024)
	}
	return nil
}

// cpu returns the processor time that the process has used.
func cpu(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in brackets, may hold spaces; what follows is state, then numbers.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	const user, system = 11, 12
	total := 0
	for _, i := range []int{user, system} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
		}
		total += n
	}
	return time.Duration(total) * time.Second / ticks, nil
}

// memory returns one of the sums of /proc/PID/smaps_rollup in kB.
func memory(pid int, key string) (int, error) {
	path := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == key+":" {
			return strconv.Atoi(f[1])
		}
	}
	return 0, fmt.Errorf("no %s in %s", key, path)
}
