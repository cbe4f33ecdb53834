package worker

import (
	"context"
	"slices"
	"sync"
)

// gate lets a number of updates through at a time (max_parallel_updates), the most wanted first. One that wants to be alone
// waits until nobody is inside, and nobody comes in after it until it has left.
type gate struct {
	mu      sync.Mutex
	limit   int
	inside  int
	alone   bool      // who is inside wants that
	waiting []*waiter // most wanted first
}

type waiter struct {
	rank  int
	alone bool
	pass  chan struct{}
}

// setLimit changes how many may be inside.
func (g *gate) setLimit(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = limit
	g.admit()
}

// enter waits for a place and returns how to give it back. A lower rank goes first.
func (g *gate) enter(ctx context.Context, rank int, alone bool) (leave func(), err error) {
	w := &waiter{rank: rank, alone: alone, pass: make(chan struct{})}
	g.mu.Lock()
	at, _ := slices.BinarySearchFunc(g.waiting, rank, func(other *waiter, rank int) int {
		if other.rank <= rank {
			return -1 // behind those of the same rank
		}
		return 1
	})
	g.waiting = slices.Insert(g.waiting, at, w)
	g.admit()
	g.mu.Unlock()
	select {
	case <-w.pass:
		return sync.OnceFunc(g.leave), nil
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if i := slices.Index(g.waiting, w); i >= 0 {
			g.waiting = slices.Delete(g.waiting, i, i+1)
		} else { // it was let in meanwhile
			g.inside--
			g.alone = false
		}
		g.admit() // others may have waited behind it
		return nil, context.Cause(ctx)
	}
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.alone = false
	g.admit()
}

// admit lets in whom there is room for. It is called with g.mu held.
func (g *gate) admit() {
	for len(g.waiting) > 0 && !g.alone && g.inside < max(g.limit, 1) {
		next := g.waiting[0]
		if next.alone && g.inside > 0 {
			return
		}
		close(next.pass)
		g.waiting = g.waiting[1:]
		g.inside++
		g.alone = next.alone
	}
}
