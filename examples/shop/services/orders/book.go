package main

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/shop/internal/service"
)

// States of an order.
const (
	pending = "pending"
	paid    = "paid"
)

type line struct {
	Product  string `json:"product"`
	Name     string `json:"name"`
	Quantity int    `json:"quantity"`
	Price    int    `json:"price"`
}

type order struct {
	ID      string    `json:"id"`
	Shopper string    `json:"shopper"`
	Status  string    `json:"status"`
	Lines   []line    `json:"lines"`
	Total   int       `json:"total"` // in cents
	Placed  time.Time `json:"placed"`
	Receipt *receipt  `json:"receipt,omitempty"` // once it is paid
}

// receipt is what payment answers. It names who took the money, and the baggage that came with the message.
type receipt struct {
	Number  string `json:"number"`
	PaidBy  string `json:"paidBy"`
	Baggage string `json:"baggage"`
}

// book holds all orders, in memory.
type book struct {
	mu     sync.Mutex
	orders map[string]order
}

func (b *book) put(o order) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders[o.ID] = o
}

func (b *book) find(id string) (order, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.orders[id]
	if !ok {
		return order{}, service.Errorf(http.StatusNotFound, "there is no order %q", id)
	}
	return o, nil
}

// by returns the orders of a shopper, the latest first.
func (b *book) by(shopper string) []order {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []order{}
	for _, o := range b.orders {
		if o.Shopper == shopper {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(x, y order) int { return cmp.Or(y.Placed.Compare(x.Placed), cmp.Compare(x.ID, y.ID)) })
	return list
}
