package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/docker/docker/api/types/build"
	control "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"

	"github.com/envflow/envflow/internal/failure"
)

// errNoBuildKit says that the engine takes no sessions: podman, for one.
var errNoBuildKit = errors.New("the engine has no BuildKit")

// What the engine calls the parts of its answer, and of a session.
const (
	traceID        = "moby.buildkit.trace"
	imageIDMessage = "moby.image.id"
	sessionContext = "client-session"
	contextMount   = "context"
	fileMount      = "dockerfile"
)

// buildKit builds with the engine's BuildKit and returns the image's ID.
func (b *task) buildKit(parent context.Context) (string, error) {
	files, err := b.contextFiles()
	if err != nil {
		return "", err
	}
	services, err := b.services()
	if err != nil {
		return "", err
	}
	s, err := session.NewSession(parent, b.contextKey())
	if err != nil {
		return "", fmt.Errorf("begin a session for the build: %w", err)
	}
	s.Allow(filesync.NewFSSyncProvider(filesync.StaticDirSource{contextMount: files, fileMount: b.dockerfileFiles()}))
	for _, service := range services {
		s.Allow(service)
	}

	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Run(ctx, b.dialSession); err != nil {
			cancel(err)
		}
	}()
	defer func() {
		_ = s.Close() // it never fails
		<-ended
	}()

	options := b.options()
	options.Version = build.BuilderBuildKit
	options.RemoteContext = sessionContext
	options.SessionID = s.ID()
	options.Dockerfile = dockerfileName
	id, p := "", newProgress(b.output)
	err = b.run(ctx, nil, options, func(m message) error {
		switch m.ID {
		case traceID:
			return b.trace(m.Aux, p)
		case imageIDMessage:
			id = imageID(m.Aux)
		}
		return nil
	})
	switch {
	case ctx.Err() != nil && parent.Err() == nil: // there is no session
		return "", context.Cause(ctx)
	case err != nil:
		return "", err
	case id == "":
		return "", b.lost(errors.New("it ended without an image"))
	}
	return id, nil
}

func (b *task) dialSession(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
	conn, err := b.client.api.DialHijack(ctx, "/session", proto, meta)
	if err != nil && strings.Contains(err.Error(), "unable to upgrade") {
		return nil, fmt.Errorf("%w: %w", errNoBuildKit, err)
	}
	if err != nil {
		return nil, b.client.silent(err)
	}
	return conn, nil
}

// trace reads one report of BuildKit's progress.
func (b *task) trace(aux json.RawMessage, p *progress) error {
	var data []byte
	if err := json.Unmarshal(aux, &data); err != nil {
		return b.lost(fmt.Errorf("a progress report: %w", err))
	}
	var report control.StatusResponse
	if err := report.UnmarshalVT(data); err != nil {
		return failure.TransientError(fmt.Errorf("read a progress report of the build: %w", err), "the docker engine's progress report cannot be read")
	}
	p.report(&report)
	return nil
}
