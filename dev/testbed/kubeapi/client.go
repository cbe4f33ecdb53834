// Package kubeapi is the little of a Kubernetes client that the testbed needs: read an object, apply one, scale one.
//
// It exists so that `go run ./dev/testbed` need not compile client-go. Only dev/testbed imports it. A Client may be used
// from several goroutines.
package kubeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// fieldManager is the name under which applied fields are owned.
const fieldManager = "envflow-testbed"

// ErrNotFound is returned when the server has no such object.
var ErrNotFound = errors.New("not found")

// Client talks to one API server.
type Client struct {
	server string
	http   *http.Client
}

// New returns a client of the server that presents the certificate and trusts the pool.
func New(server string, certificate tls.Certificate, pool *x509.CertPool) *Client {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	return &Client{server: server, http: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// Get reads a path and decodes the answer into out, unless out is nil.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	answer, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	return nil
}

// Apply applies an object, written in YAML, to its path.
func (c *Client) Apply(ctx context.Context, path string, yaml []byte) error {
	_, err := c.do(ctx, http.MethodPatch, path+"?force=true&fieldManager="+fieldManager, "application/apply-patch+yaml", yaml)
	return err
}

// Scale sets the number of replicas of the Deployment at a path.
func (c *Client) Scale(ctx context.Context, path string, replicas int) error {
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	_, err := c.do(ctx, http.MethodPatch, path+"/scale?fieldManager="+fieldManager, "application/merge-patch+json", patch)
	return err
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) do(ctx context.Context, method, path, mediaType string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the API server: %w", err)
	}
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	response, err := c.http.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // The rest names the address, which is always the same.
	}
	if err != nil {
		return nil, fmt.Errorf("the API server does not answer: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the API server's answer to %s %s: %w", method, path, err)
	}
	switch {
	case response.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%s %s: %w", method, path, ErrNotFound)
	case response.StatusCode >= http.StatusBadRequest:
		return nil, fmt.Errorf("%s %s: API server answered %s: %s", method, path, response.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}
