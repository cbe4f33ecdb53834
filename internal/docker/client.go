package docker

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"github.com/envflow/envflow/internal/failure"
)

// Deadlines of single calls.
const (
	pingLimit = 5 * time.Second
	callLimit = 30 * time.Second // of calls that only look or change a name
)

// Client talks to one engine. It is safe for concurrent use.
type Client struct {
	api     *client.Client
	options Options
	where   string

	mu   sync.Mutex   // guards info
	info *system.Info // nil until it is needed
}

// Connect returns a client of the engine that answers. An engine that does not answer within 5 s is a failure.Infrastructure
// that needs failure.Docker; a docker context or certificate that cannot be used is a failure.User.
func Connect(ctx context.Context, o Options) (*Client, error) {
	e, err := o.find()
	if err != nil {
		return nil, err
	}
	api, err := newAPI(e)
	if err != nil {
		return nil, failure.UserError(fmt.Errorf("use the docker engine at %s: %w", e.where, err), "the docker engine's address %s cannot be used", e.where)
	}
	c := &Client{api: api, options: o, where: e.where}
	if err := c.Ping(ctx); err != nil {
		return nil, errorsJoinClose(err, api)
	}
	return c, nil
}

func newAPI(e endpoint) (*client.Client, error) {
	opts := []client.Opt{client.WithAPIVersionNegotiation()}
	helper, err := connhelper.GetConnectionHelper(e.host)
	if err != nil {
		return nil, err
	}
	switch {
	case helper != nil: // ssh://
		opts = append(opts,
			client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: helper.Dialer}}),
			client.WithHost(helper.Host), client.WithDialContext(helper.Dialer))
	case e.tls != nil:
		opts = append(opts, client.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: e.tls}}), client.WithHost(e.host))
	default:
		opts = append(opts, client.WithHost(e.host))
	}
	return client.NewClientWithOpts(opts...)
}

// Close gives the connections back.
func (c *Client) Close() error { return c.api.Close() }

// Where returns the engine's address, for people.
func (c *Client) Where() string { return c.where }

// Ping returns nil if the engine answers within 5 s.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	ping, err := c.api.Ping(ctx)
	if err != nil {
		return c.silent(err)
	}
	c.api.NegotiateAPIVersionPing(ping)
	return nil
}

// Platform returns what the engine runs by default, as "linux/amd64".
func (c *Client) Platform(ctx context.Context) (string, error) {
	info, err := c.engineInfo(ctx)
	if err != nil {
		return "", err
	}
	arch := map[string]string{"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm/v7"}[info.Architecture]
	if arch == "" {
		arch = info.Architecture
	}
	return info.OSType + "/" + arch, nil
}

// engineInfo asks the engine once.
func (c *Client) engineInfo(ctx context.Context) (*system.Info, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.info == nil {
		ctx, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		info, err := c.api.Info(ctx)
		if err != nil {
			return nil, c.callError(ctx, err, "ask the docker engine about itself")
		}
		c.info = &info
	}
	return c.info, nil
}
