// Command payment takes the money for orders. It is asked over the queue; its HTTP server is for health checks and /whoami.
package main

import (
	"context"
	"fmt"
	"time"

	"example.com/shop/internal/queue"
	"example.com/shop/internal/service"
)

func main() {
	s := service.New("payment", "1")
	// Banks are slow. Without this nobody would see an order that is pending.
	delay, err := time.ParseDuration(service.Env("SHOP_PAYMENT_DELAY", "2s"))
	if err != nil {
		service.Fail(fmt.Errorf("SHOP_PAYMENT_DELAY: %w", err))
	}
	q, err := queue.Connect(service.Env("SHOP_QUEUE", "nats://queue:4222"), s.Name)
	if err != nil {
		service.Fail(err)
	}
	s.ReadyWhen(q.Ready)
	till := &till{service: s, delay: delay, receipts: map[string]receipt{}}
	answers := map[string]func(context.Context, []byte) (any, error){
		"payments":       till.charge,
		"whoami.payment": func(ctx context.Context, _ []byte) (any, error) { return s.Whoami(ctx), nil },
	}
	for subject, answer := range answers {
		if err := q.Answer(subject, s.Name, answer); err != nil {
			service.Fail(err)
		}
	}
	s.Run(q.Close)
}
