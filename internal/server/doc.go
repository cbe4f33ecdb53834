// Package server is how a command, a worker or a test finds, starts and stops the one background server of this user.
//
// The server itself is package dev; this package knows only its files and its control socket, so it is light and may be
// imported by anyone. One server runs per state folder: it holds an exclusive lock for as long as it lives, which is the
// truth about whether there is one; the record beside it says where it listens. A Handle is safe for concurrent use, also
// by several processes.
package server
