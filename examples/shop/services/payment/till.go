package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/shop/internal/service"
)

type charge struct {
	Order  string `json:"order"`
	Amount int    `json:"amount"` // in cents
}

type receipt struct {
	Number  string `json:"number"`
	PaidBy  string `json:"paidBy"`
	Baggage string `json:"baggage"` // that came with the message
}

// till remembers receipts by order: who is asked twice for the same order takes the money once.
type till struct {
	service *service.Service
	delay   time.Duration

	mu       sync.Mutex
	receipts map[string]receipt
}

// charge answers a message that asks for a payment.
func (t *till) charge(ctx context.Context, data []byte) (any, error) {
	var c charge
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("decode a charge: %w", err)
	}
	select {
	case <-time.After(t.delay):
	case <-t.service.Stopping().Done():
		return nil, errors.New("payment is closing, ask again")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.receipts[c.Order]; ok {
		return known, nil
	}
	me := t.service.Whoami(ctx)
	r := receipt{Number: rand.Text()[:8], PaidBy: me.Service + " " + me.Version + " on " + me.Host, Baggage: me.Baggage}
	t.receipts[c.Order] = r
	return r, nil
}
