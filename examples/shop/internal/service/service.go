// Package service is what all services of the shop have in common: an HTTP server with health checks and logs, a client for
// the other services, and what is carried along from call to call.
package service

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Service is one program of the shop. Its routes are added before Run.
type Service struct {
	Name    string
	Version string

	host     string
	mux      *http.ServeMux
	ready    []func() error
	stopping context.Context // ends when the service is told to stop
	stop     context.CancelFunc
}

// New returns a service with the routes that all have: /healthz, /readyz and /whoami. SHOP_VERSION replaces the version, to
// tell a service on a laptop from the one in the cluster.
func New(name, version string) *Service {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, nil)))
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	s := &Service{Name: name, Version: Env("SHOP_VERSION", version), host: host, mux: http.NewServeMux()}
	s.stopping, s.stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	s.JSON("GET /healthz", func(*http.Request) (any, error) { return status("ok"), nil })
	s.JSON("GET /readyz", s.readiness)
	s.JSON("GET /whoami", func(r *http.Request) (any, error) { return s.Whoami(r.Context()), nil })
	return s
}

// Env returns an environment variable, or otherwise if it is not set.
func Env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// Handle adds a route.
func (s *Service) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// ReadyWhen adds a condition that has to hold before the service is sent requests.
func (s *Service) ReadyWhen(check func() error) { s.ready = append(s.ready, check) }

// Stopping ends when the service is told to stop.
func (s *Service) Stopping() context.Context { return s.stopping }

// Run serves until SIGTERM or Ctrl-C, lets requests finish, and then calls the given functions in turn. It ends the program
// if the service cannot be run.
func (s *Service) Run(cleanup ...func()) {
	err := s.serve(Env("SHOP_LISTEN", ":8080"))
	for _, f := range cleanup {
		f()
	}
	if err != nil {
		Fail(err)
	}
	slog.Info("stopped")
}

// Fail ends the program because of an error.
func Fail(err error) {
	slog.Error("cannot go on", "error", err)
	os.Exit(1)
}

func (s *Service) serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.observe(s.mux), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	slog.Info("listening", "address", listener.Addr().String(), "service", s.Name, "version", s.Version)

	select {
	case err := <-failed:
		return err
	case <-s.stopping.Done():
	}
	s.stop() // a second Ctrl-C ends the program at once
	slog.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

func (s *Service) readiness(*http.Request) (any, error) {
	var problems []error
	for _, check := range s.ready {
		problems = append(problems, check())
	}
	if err := errors.Join(problems...); err != nil {
		return nil, Errorf(http.StatusServiceUnavailable, "not ready: %v", err)
	}
	return status("ready"), nil
}

func status(text string) any { return map[string]string{"status": text} }
