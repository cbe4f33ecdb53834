package dev

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"

	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/server"
)

const loopback = "127.0.0.1"

// ports are those that people and programs reach.
type ports struct {
	frontend int
	ui       net.Listener
}

func (p ports) frontendAddress() string { return net.JoinHostPort(loopback, strconv.Itoa(p.frontend)) }

// choosePorts takes the ports of the last server, so that clients that lost it find the next one where it was; else the
// conventional ones or the next free.
func choosePorts(ctx context.Context, files server.Files) (ports, error) {
	last, _ := files.ReadRecord() // without one, the ports are 0 and not tried
	frontend, err := listen(ctx, portOf(last.Address), temporalPort)
	if err != nil {
		return ports{}, err
	}
	// Temporal opens its port itself. It stays ours until the other one is found, so that they differ.
	ui, err := listen(ctx, portOf(last.UI), uiPort)
	if err := errors.Join(err, frontend.Close()); err != nil {
		return ports{}, err
	}
	return ports{frontend: frontend.Addr().(*net.TCPAddr).Port, ui: ui}, nil
}

// listen takes the port last if it can, else the first free one from first on.
func listen(ctx context.Context, last, first int) (_ net.Listener, err error) {
	const tries = 200
	var lc net.ListenConfig
	for i := -1; i < tries; i++ {
		port := first + i
		if i == -1 {
			port = last
		}
		if port == 0 {
			continue
		}
		var l net.Listener
		if l, err = lc.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, fault.Wrap(err, fault.Missing, "end a program that listens there", "no port from %d to %d is free on %s", first, first+tries-1, loopback)
}

// portOf returns the port in a host:port or a URL, 0 if there is none.
func portOf(address string) int {
	if u, err := url.Parse(address); err == nil && u.Port() != "" {
		address = u.Host
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	return n
}
