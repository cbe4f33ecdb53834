package dev

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// usage knows when the Temporal frontend was last used by somebody: a worker, which always has a poll under way, a
// command, or a page of the Temporal UI, which asks every few seconds. Temporal's own workers do not count.
type usage struct {
	now func() time.Time

	mu       sync.Mutex // guards underWay and last
	underWay int        // calls that have not returned
	last     time.Time  // when the last one returned
}

func newUsage(now func() time.Time) *usage { return &usage{now: now, last: now()} }

// intercept is a grpc.UnaryServerInterceptor.
func (u *usage) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if !internal(ctx) {
		u.begin()
		defer u.end()
	}
	return handle(ctx, req)
}

// internal reports whether the caller is one of Temporal's own workers: only those come over TLS.
func internal(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return true
	}
	_, tls := p.AuthInfo.(credentials.TLSInfo)
	return tls
}

func (u *usage) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.underWay++
}

func (u *usage) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.underWay--
	if now := u.now(); now.After(u.last) {
		u.last = now
	}
}

// until counts as use up to that moment, which may lie ahead.
func (u *usage) until(t time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t.After(u.last) {
		u.last = t
	}
}

// idle returns for how long nobody has used the frontend; less than 0 if it is known to be used for a while yet.
func (u *usage) idle() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.underWay > 0 {
		return 0
	}
	return u.now().Sub(u.last)
}

// waitIdle returns true once nobody has used the frontend for that long, false when ctx ends before. A timeout of 0
// never passes.
func (u *usage) waitIdle(ctx context.Context, timeout time.Duration) bool {
	for {
		left := timeout - u.idle()
		if timeout > 0 && left <= 0 {
			return true
		}
		var wake <-chan time.Time
		if timeout > 0 {
			wake = time.After(left)
		}
		select {
		case <-ctx.Done():
			return false
		case <-wake:
		}
	}
}
