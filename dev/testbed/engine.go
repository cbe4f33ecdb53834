package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/envflow/envflow/dev/testbed/proc"
)

// engineClient talks to the Docker engine at the usual socket. The engine's own API is used because the docker command
// of the machine may be missing or of another version.
var engineClient = &http.Client{Transport: &http.Transport{
	DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", dockerSocket)
	},
}}

func engineReady(ctx context.Context) error {
	answer, err := engine(ctx, http.MethodGet, "/_ping", nil)
	if err != nil {
		return err
	}
	return answer.Close()
}

// foreignEngine reports whether a Docker engine answers that the testbed did not start.
func (t *testbed) foreignEngine(ctx context.Context) bool {
	return !daemon{name: "dockerd"}.record().Alive() && engineReady(ctx) == nil && len(daemon{name: "dockerd", path: program("dockerd")}.strays()) == 0
}

// engineImage returns the ID of an image in the engine, or "" when it has none of that name.
func engineImage(ctx context.Context, reference string) (string, error) {
	answer, err := engine(ctx, http.MethodGet, "/images/"+reference+"/json", nil)
	if errors.Is(err, errNoSuchImage) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer answer.Close()
	var image struct {
		ID string `json:"Id"`
	}
	if err := json.NewDecoder(answer).Decode(&image); err != nil {
		return "", fmt.Errorf("read what the Docker engine says of %s: %w", reference, err)
	}
	return image.ID, nil
}

// engineLoad loads an image archive into the engine.
func engineLoad(ctx context.Context, path string) error {
	archive, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("load image: %w", err)
	}
	defer archive.Close()
	answer, err := engine(ctx, http.MethodPost, "/images/load?quiet=1", archive)
	if err != nil {
		return err
	}
	defer answer.Close()
	// The engine answers 200 before it has begun, and reports failure in the stream.
	for decoder := json.NewDecoder(answer); ; {
		var message struct{ Error string }
		err := decoder.Decode(&message)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("load image: %w", err)
		}
		if message.Error != "" {
			return fmt.Errorf("load image %s: %s", path, message.Error)
		}
	}
}

var errNoSuchImage = errors.New("no such image")

func engine(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask the Docker engine: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/x-tar")
	}
	response, err := engineClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the Docker engine does not answer: %w", plain(err))
	}
	switch {
	case response.StatusCode == http.StatusNotFound:
		return nil, errors.Join(errNoSuchImage, response.Body.Close())
	case response.StatusCode >= http.StatusBadRequest:
		defer response.Body.Close()
		answer, _ := io.ReadAll(io.LimitReader(response.Body, 1000)) // only a detail of the error
		return nil, fmt.Errorf("ask the Docker engine: %s: %s", response.Status, answer)
	}
	return response.Body, nil
}

// dropStaleDockerPIDs removes the pid files of a killed engine. It would refuse to start for its own while the process is
// not reaped yet, and wait in vain for its containerd if another process has that number now.
func dropStaleDockerPIDs() error {
	stale := []string{dockerRunDir + "/docker.pid"}
	containerd := dockerRunDir + "/containerd/containerd.pid"
	if content, err := os.ReadFile(containerd); err == nil {
		pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
		running := proc.Find(func(p proc.Process) bool { return p.PID == pid && strings.HasSuffix(p.Args[0], "containerd") })
		if err != nil || len(running) == 0 {
			stale = append(stale, containerd)
		}
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove stale pid file: %w", err)
		}
	}
	return nil
}

// endEngine ends what a killed engine of the testbed left running: its own containerd, shims and containers.
func endEngine(ctx context.Context) error {
	companions := proc.Find(func(p proc.Process) bool {
		return slices.ContainsFunc(p.Args, func(arg string) bool { return strings.HasPrefix(arg, dockerRunDir+"/") }) ||
			slices.Contains(p.Environment(), marker+"dockerd")
	})
	if err := endAll(ctx, companions); err != nil {
		return err
	}
	if err := endAll(ctx, groupProcesses("docker")); err != nil {
		return err
	}
	return removeGroups(ctx, "docker")
}
