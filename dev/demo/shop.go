package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// shop is the demo project: a copy of examples/shop, because the demo edits it.
type shop struct {
	where

	envflow string // path of the binary
	dir     string
	port    int    // of the gateway; the other services have those after it
	id      string // of the environment
}

// ports is how many the shop needs, one after the other.
const ports = 7

// prepare copies the shop and finds free ports.
func prepare(ctx context.Context, w where, wish settings) (*shop, error) {
	envflow, err := filepath.Abs(filepath.Join("bin", "envflow"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(envflow); err != nil {
		return nil, fmt.Errorf("%s is missing: run `make demo` at the top of the repository", envflow)
	}
	dir, err := filepath.Abs(cmp.Or(wish.dir, ".demo"))
	if err != nil {
		return nil, err
	}
	form := wishKubernetes
	if w.local {
		form = wishLocal
	}
	s := &shop{where: w, envflow: envflow, dir: filepath.Join(dir, "shop-"+form)}
	if err := copyTree(filepath.Join("examples", "shop"), s.dir); err != nil {
		return nil, fmt.Errorf("copy the shop: %w", err)
	}
	return s, s.findPorts(ctx, wish.port)
}

// copyTree copies the files of a folder over those of another. Compiled ones stay where they are.
func copyTree(from, to string) error {
	files := os.DirFS(from)
	return fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		target := filepath.Join(to, filepath.FromSlash(path))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".build":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o755) //nolint:gosec // as people make folders
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		if before, err := os.ReadFile(target); err == nil && string(before) == string(data) {
			return nil
		}
		return os.WriteFile(target, data, 0o644) //nolint:gosec // as people make files
	})
}

// findPorts takes those of the demo that is up already, or free ones.
func (s *shop) findPorts(ctx context.Context, wish string) error {
	if wish != "" {
		var err error
		if s.port, err = strconv.Atoi(wish); err != nil {
			return fmt.Errorf("DEMO_PORT is %q, which is no port", wish)
		}
		return nil
	}
	if s.isUp(ctx) {
		return nil
	}
	for s.port = 8080; s.port < 60000; s.port += 100 {
		if allFree(ctx, s.port) {
			return nil
		}
	}
	return errors.New("there are no free ports")
}

// isUp finds out whether the demo of an earlier run is up, and on which port.
func (s *shop) isUp(ctx context.Context) bool {
	var status struct {
		State     string
		Resources []struct {
			Name      string
			Endpoints []string
		}
	}
	out, err := s.command(ctx, "status", "-o", "json").Output()
	if err != nil || json.Unmarshal(out, &status) != nil || status.State != "running" {
		return false
	}
	for _, r := range status.Resources {
		if r.Name == "gateway" && len(r.Endpoints) > 0 {
			_, port, _ := strings.Cut(strings.TrimPrefix(r.Endpoints[0], "http://"), ":")
			s.port, err = strconv.Atoi(strings.TrimRight(port, "/"))
			return err == nil
		}
	}
	return false
}

func allFree(ctx context.Context, first int) bool {
	for port := first; port < first+ports; port++ {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// command is a command line of envflow in the shop's folder.
func (s *shop) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.envflow, args...)
	cmd.Dir, cmd.Env = s.dir, os.Environ()
	if s.kubeconfig != "" {
		cmd.Env = append(cmd.Env, "KUBECONFIG="+s.kubeconfig)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// do runs a command line of envflow, and shows it.
func (s *shop) do(ctx context.Context, args ...string) error {
	say("$ envflow %s", strings.Join(args, " "))
	cmd := s.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("envflow %s: %w", args[0], err)
	}
	return nil
}

// status is what the demo needs of `envflow status -o json`.
type status struct {
	Environment string `json:"environment"`
	Worker      struct {
		PID int `json:"pid"`
	} `json:"worker"`
	Resources []struct {
		Name       string `json:"name"`
		Type       string `json:"type"`
		Ready      bool   `json:"ready"`
		LastUpdate *struct {
			Started time.Time `json:"started"`
		} `json:"last_update"`
	} `json:"resources"`
}

func (s *shop) status(ctx context.Context) (st status, err error) {
	out, err := s.command(ctx, "status", "-o", "json").Output()
	if err != nil {
		return st, fmt.Errorf("envflow status: %w", err)
	}
	return st, json.Unmarshal(out, &st)
}

// url is an address of the gateway.
func (s *shop) url(path string) string { return fmt.Sprintf("http://localhost:%d%s", s.port, path) }

// whereToLook helps after a failure.
func (s *shop) whereToLook() string {
	return fmt.Sprintf("look with: cd %s && %s status; %s logs\ntake it down with: %s down", s.dir, s.envflow, s.envflow, s.envflow)
}
