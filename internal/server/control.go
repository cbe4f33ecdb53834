package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
)

// Paths of the control socket's HTTP interface. It is private to envflow: both ends are always the same release or the
// next, and fields are only ever added.
const (
	PathStatus = "/v1/status" // GET: Record
	PathLogin  = "/v1/login"  // POST LoginRequest: LoginLink
	PathStop   = "/v1/stop"   // POST: empty; the server ends
)

// LoginRequest asks for a way into the web pages of the server.
type LoginRequest struct {
	Path  string `json:"path"`  // page to show after the login, beginning with a slash
	Write bool   `json:"write"` // whether the session may change workflows: terminate, signal, reset, ...
}

// LoginLink lets whoever opens it first in, once.
type LoginLink struct {
	URL     string `json:"url"`
	Expires string `json:"expires"` // RFC 3339
}

// call does one request on the control socket at path socket. in and out may be nil.
func call(ctx context.Context, socket, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	// The host is not looked up: the transport always dials the socket.
	req, err := http.NewRequestWithContext(ctx, method, "http://envflow"+path, body)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s to %s %s", resp.Status, method, path)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
