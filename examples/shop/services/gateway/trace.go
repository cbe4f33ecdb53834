package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"example.com/shop/internal/service"
)

// peers are the addresses of the other services.
type peers map[string]string

// trace asks every service what it sees of this request. Payment is asked twice: directly, and by orders over the queue.
func trace(ctx context.Context, s *service.Service, p peers) []service.Seen {
	me := s.Whoami(ctx)
	me.Via = "browser"
	all := []service.Seen{me}
	var mu sync.Mutex
	var asked sync.WaitGroup
	ask := func(name, via, url string) {
		asked.Go(func() {
			seen := service.Seen{Service: name}
			if err := service.Call(ctx, http.MethodGet, url, nil, &seen); err != nil {
				seen.Error = err.Error()
			}
			seen.Via = via
			mu.Lock()
			defer mu.Unlock()
			all = append(all, seen)
		})
	}
	for name, address := range p {
		ask(name, "http", address+"/whoami")
	}
	ask("payment", "queue", p["orders"]+"/whoami/payment")
	asked.Wait()
	slices.SortFunc(all, func(x, y service.Seen) int { return strings.Compare(x.Service+x.Via, y.Service+y.Via) })
	return all
}
