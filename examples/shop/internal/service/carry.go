package service

import (
	"context"
	"strings"
)

// carried are the headers that each service passes on, unread, to all that it calls for a request: W3C Baggage and W3C
// Trace Context. Whoever follows one request through the shop, or sends it elsewhere, goes by them.
var carried = []string{"baggage", "traceparent", "tracestate"}

type carriedKey struct{}

// Carry returns a context with the carried headers of a request or message, whose values get returns.
func Carry(ctx context.Context, get func(name string) []string) context.Context {
	headers := map[string]string{}
	for _, name := range carried {
		if values := get(name); len(values) > 0 {
			headers[name] = strings.Join(values, ",")
		}
	}
	return context.WithValue(ctx, carriedKey{}, headers)
}

// Carried returns the headers that calls made with the context have to have.
func Carried(ctx context.Context) map[string]string {
	headers, _ := ctx.Value(carriedKey{}).(map[string]string)
	return headers
}

// Detach returns a context for work that goes on after a request was answered, until the service stops. It carries what
// that of the request carries.
func (s *Service) Detach(request context.Context) context.Context {
	return context.WithValue(s.stopping, carriedKey{}, Carried(request))
}

// Seen is what a service says of itself and of the request that asked it.
type Seen struct {
	Service     string `json:"service"`
	Host        string `json:"host"`
	Version     string `json:"version"`
	Via         string `json:"via,omitempty"` // how it was asked; filled in by who asks
	Baggage     string `json:"baggage"`
	Traceparent string `json:"traceparent"`
	Error       string `json:"error,omitempty"` // filled in by who asks, if there was no answer
}

// Whoami returns what the service sees of the request with the context.
func (s *Service) Whoami(ctx context.Context) Seen {
	headers := Carried(ctx)
	return Seen{
		Service: s.Name, Host: s.host, Version: s.Version,
		Baggage: headers["baggage"], Traceparent: headers["traceparent"],
	}
}
