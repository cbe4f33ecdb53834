package dev

import (
	"context"
	"crypto/tls"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// callFrom makes one call that takes as long as told, over TLS as Temporal's own workers do, or plain as everybody else.
func callFrom(u *usage, auth credentials.AuthInfo, takes time.Duration) {
	ctx := peer.NewContext(context.Background(), &peer.Peer{AuthInfo: auth})
	_, _ = u.intercept(ctx, nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) {
		<-time.After(takes)
		return nil, nil
	})
}

var overTLS = credentials.TLSInfo{State: tls.ConnectionState{}}

func TestUsage_EndsAfterTheLastUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := newUsage(time.Now)
		began := time.Now()
		go func() {
			<-time.After(30 * time.Minute)
			callFrom(u, nil, 10*time.Minute)
		}()
		if !u.waitIdle(t.Context(), time.Hour) {
			t.Error("waitIdle gave up")
		}
		if got, want := time.Since(began), 100*time.Minute; got != want {
			t.Errorf("idle after %s, want %s", got, want)
		}
	})
}

func TestUsage_ACallUnderWayIsUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := newUsage(time.Now)
		began := time.Now()
		go callFrom(u, nil, 5*time.Hour)
		synctest.Wait()
		u.waitIdle(t.Context(), time.Hour)
		if got, want := time.Since(began), 6*time.Hour; got != want {
			t.Errorf("idle after %s, want %s", got, want)
		}
	})
}

func TestUsage_TemporalsOwnWorkersDoNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := newUsage(time.Now)
		began := time.Now()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { callFrom(u, overTLS, 5*time.Hour) })
		synctest.Wait()
		u.waitIdle(t.Context(), time.Hour)
		if got, want := time.Since(began), time.Hour; got != want {
			t.Errorf("idle after %s, want %s", got, want)
		}
	})
}

func TestUsage_LastsAsLongAsALoginLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u := newUsage(time.Now)
		began := time.Now()
		u.until(began.Add(3 * time.Hour))
		callFrom(u, nil, time.Minute) // does not take the time away again
		u.waitIdle(t.Context(), time.Hour)
		if got, want := time.Since(began), 4*time.Hour; got != want {
			t.Errorf("idle after %s, want %s", got, want)
		}
	})
}

func TestUsage_WithoutTimeoutNeverEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
		defer cancel()
		if newUsage(time.Now).waitIdle(ctx, 0) {
			t.Error("ended")
		}
	})
}
