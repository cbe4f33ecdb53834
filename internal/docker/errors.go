package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/envflow/envflow/internal/failure"
)

// silent is the error of an engine that does not answer.
func (c *Client) silent(err error) error {
	return failure.Missing(fmt.Errorf("ask the docker engine at %s: %w", c.where, err), failure.Docker, "the docker engine at %s does not answer", c.where)
}

// callError classifies the error of a short call. action may enter a history, "tag an image".
func (c *Client) callError(ctx context.Context, err error, action string) error {
	whole := fmt.Errorf("%s: %w", action, err)
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		return whole
	case unreachable(err) || ctx.Err() != nil:
		return failure.Missing(whole, failure.Docker, "the docker engine at %s does not answer", c.where)
	case cerrdefs.IsInvalidArgument(err) || cerrdefs.IsNotFound(err) || cerrdefs.IsPermissionDenied(err) || cerrdefs.IsUnauthorized(err):
		return failure.UserError(whole, "cannot %s", action)
	default:
		return failure.TransientError(whole, "cannot %s", action)
	}
}

// unreachable says whether an error comes from the way to the engine and not from the engine.
func unreachable(err error) bool {
	var network net.Error
	return client.IsErrConnectionFailed(err) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// passing matches messages of the engine about what may be gone at the next try: its network, the registry, the disk.
var passing = regexp.MustCompile(`(?i)dial tcp|connection refused|connection reset|broken pipe|i/o timeout|TLS handshake|no such host|server misbehaving|` +
	`temporary failure|unexpected EOF|deadline exceeded|Client\.Timeout|toomanyrequests|too many requests|network is unreachable|no route to host|` +
	`transport is closing|code = Unavailable|no active session|no space left on device|\b50[0234] |unexpected status: 5`)

// denied matches what registries and the engine say to somebody who must log in first, or may not.
var denied = regexp.MustCompile(`(?i)denied|unauthorized|authentication required|no basic auth|forbidden|incorrect username`)

func errorsJoinClose(err error, closer io.Closer) error {
	if e := closer.Close(); e != nil {
		return errors.Join(err, e)
	}
	return err
}
