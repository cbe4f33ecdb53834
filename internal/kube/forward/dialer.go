package forward

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/moby/spdystream"
	"k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	clientforward "k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// dialer makes connections to pods.
type dialer struct {
	cs     kubernetes.Interface
	config *rest.Config
}

// dial connects to a pod: SPDY in a websocket, or bare where the server, or a proxy on the way, knows no websocket.
func (d *dialer) dial(ctx context.Context, pod podName) (*spdystream.Connection, *watched, error) {
	raw, err := d.websocket(ctx, pod)
	if err != nil && ctx.Err() == nil && (httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)) {
		raw, err = d.spdy(ctx, pod)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("connect to pod %s/%s: %w", pod.namespace, pod.name, err)
	}
	conn, w, err := speak(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to pod %s/%s: %w", pod.namespace, pod.name, err)
	}
	return conn, w, nil
}

// speak begins SPDY. It is that of the library below client-go, whose own connection pings at a fixed pace, or never.
func speak(raw net.Conn) (*spdystream.Connection, *watched, error) {
	w := &watched{Conn: raw}
	w.touch()
	conn, err := spdystream.NewConnection(w, false)
	if err != nil {
		_ = raw.Close()
		return nil, nil, err
	}
	go conn.Serve(spdystream.NoOpStreamHandler) // until the connection ends
	return conn, w, nil
}

func (d *dialer) url(pod podName) string {
	return d.cs.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.namespace).Name(pod.name).SubResource("portforward").URL().String()
}

func (d *dialer) websocket(ctx context.Context, pod podName) (net.Conn, error) {
	tripper, holder, err := websocket.RoundTripperFor(d.config)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url(pod), http.NoBody)
	if err != nil {
		return nil, err
	}
	conn, err := websocket.Negotiate(tripper, holder, req, portforward.WebsocketsSPDYTunnelingPrefix+portforward.PortForwardV1Name)
	if err != nil {
		return nil, err
	}
	return clientforward.NewTunnelingConnection("client", conn), nil
}

func (d *dialer) spdy(ctx context.Context, pod podName) (net.Conn, error) {
	tlsConfig, err := rest.TLSConfigFor(d.config)
	if err != nil {
		return nil, err
	}
	tripper, err := spdy.NewRoundTripperWithConfig(spdy.RoundTripperConfig{TLS: tlsConfig, Proxier: d.config.Proxy})
	if err != nil {
		return nil, err
	}
	up := &upgrade{tripper: tripper}
	transportConfig, err := d.config.TransportConfig()
	if err != nil {
		return nil, err
	}
	authenticated, err := transport.HTTPWrappersForConfig(transportConfig, up)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url(pod), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set(httpstream.HeaderProtocolVersion, clientforward.PortForwardProtocolV1Name)
	resp, err := authenticated.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	return up.conn, nil
}

// upgrade asks for SPDY and keeps the bare connection, which spdy.SpdyRoundTripper does not hand out.
type upgrade struct {
	tripper *spdy.SpdyRoundTripper
	conn    net.Conn
}

func (u *upgrade) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
	req.Header.Set(httpstream.HeaderUpgrade, spdy.HeaderSpdy31)
	conn, err := u.tripper.Dial(req)
	if err != nil {
		return nil, err
	}
	ctx := req.Context()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) //nolint:contextcheck // the request's is the one
	defer stop()
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, req)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		_ = resp.Body.Close()
		_ = conn.Close()
		return nil, fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	if !stop() {
		return nil, errors.Join(ctx.Err(), resp.Body.Close(), conn.Close())
	}
	u.conn = &buffered{conn, reader}
	return resp, nil
}

// buffered reads first what was read ahead.
type buffered struct {
	net.Conn
	reader *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.reader.Read(p) }

// watched knows when the other end was last heard.
type watched struct {
	net.Conn
	heard atomic.Int64 // Unix nanoseconds
}

func (w *watched) touch() { w.heard.Store(time.Now().UnixNano()) }

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.touch()
	}
	return n, err
}

// silence is how long the other end has not been heard.
func (w *watched) silence() time.Duration { return time.Since(time.Unix(0, w.heard.Load())) }
