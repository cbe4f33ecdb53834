package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/state"
)

// controlSocket is the unix socket by which commands reach this server.
type controlSocket struct {
	net.Listener
	path string
	made fs.FileInfo // the file as we made it
}

// listenControl opens the control socket. A file that is there already is from a server that was killed: the lock says
// that no other one lives.
func listenControl(ctx context.Context, lookup state.Lookup, files server.Files) (*controlSocket, error) {
	path, err := state.SocketPath(lookup, files.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the last server's socket: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // see Close
	made, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", errors.Join(err, l.Close()))
	}
	return &controlSocket{Listener: l, path: path, made: made}, nil
}

// there reports whether the socket can still be found under its name. Logging out of a session removes the folder that
// it is in, on a system with systemd, and not the server.
func (s *controlSocket) there() bool { return sameFile(s.path, s.made) }

// Close closes the socket and removes its file, unless another server's stands there by now.
func (s *controlSocket) Close() error {
	err := s.Listener.Close()
	if s.there() {
		err = errors.Join(err, os.Remove(s.path))
	}
	return err
}

// sameFile reports whether path still is the file that was looked at before.
func sameFile(path string, before fs.FileInfo) bool {
	now, err := os.Stat(path)
	return err == nil && os.SameFile(before, now)
}
