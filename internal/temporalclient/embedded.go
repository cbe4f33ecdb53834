package temporalclient

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	sdkclient "go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/server"
)

// errNoServer is what a client sees between the end of one server and the start of the next.
var errNoServer = errors.New("no server has its lock")

// DialEmbedded connects to the running server of h. The client survives the server: after a restart it finds the new one
// by its record and sends the new token.
func DialEmbedded(ctx context.Context, h *server.Handle, log *slog.Logger) (sdkclient.Client, error) {
	record, ok, err := h.Status(ctx)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.Wrap(errNoServer, fault.Missing, "run `envflow server start`", "the envflow server does not run")
	}
	if _, err := h.Token(); err != nil {
		return nil, fault.Wrap(err, fault.Missing, "run `envflow server stop`, then try again", "the token of the envflow server cannot be read")
	}
	c, err := sdkclient.DialContext(ctx, sdkclient.Options{
		HostPort:        record.Address,
		Namespace:       record.Namespace,
		HeadersProvider: tokenHeader{h},
		Logger:          sdklog.NewStructuredLogger(log),
		ConnectionOptions: sdkclient.ConnectionOptions{
			TLSDisabled: true,
			DialOptions: []grpc.DialOption{
				grpc.WithContextDialer(recordDialer{h}.dial),
				grpc.WithConnectParams(reconnect),
				grpc.WithChainUnaryInterceptor(workerWaits),
			},
		},
	})
	if err != nil {
		return nil, fault.Wrap(err, fault.Missing, "see `envflow server status` and `envflow server logs`", "the envflow server at %s does not answer", record.Address)
	}
	return c, nil
}

// reconnect is how soon a client looks for a server that has gone. Looking costs next to nothing, and the SDK's 10 s would be
// 10 s in which nothing happens.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 250 * time.Millisecond},
	MinConnectTimeout: 20 * time.Second, // the SDK's
}

// workerWaits makes what a worker says and asks wait for the connection. Where such calls fail the SDK waits longer after
// each, up to 10 s, and the worker would stand idle that long after a new server has come.
func workerWaits(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	_, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	for _, of := range []string{"Poll", "Respond", "Signal"} {
		if strings.HasPrefix(name, of) {
			opts = append(opts, grpc.WaitForReady(true))
		}
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

// tokenHeader sends the token of the server that runs now: it is another one after each start.
type tokenHeader struct{ h *server.Handle }

// GetHeaders implements client.HeadersProvider. It is called for every request.
func (t tokenHeader) GetHeaders(context.Context) (map[string]string, error) {
	token, err := t.h.Token()
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// recordDialer connects to where the server listens now, whatever address the client was made with.
type recordDialer struct{ h *server.Handle }

func (d recordDialer) dial(ctx context.Context, _ string) (net.Conn, error) {
	// The address is what the living server says on its socket, which is closed to other users, and not what a file says:
	// once a server is gone anybody may take its port, and would be sent the token, or hand out work to a worker.
	record, ok, err := d.h.Status(ctx)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoServer
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", record.Address)
}
