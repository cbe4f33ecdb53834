package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"example.com/shop/internal/queue"
	"example.com/shop/internal/service"
)

const (
	answerLimit = 5 * time.Second // for an answer over the queue
	retryAfter  = 500 * time.Millisecond
)

// desk takes orders.
type desk struct {
	service *service.Service
	queue   *queue.Client
	book    *book
	cart    string         // address of the cart service
	paying  sync.WaitGroup // orders that payment is asked about
}

// checkout turns the cart of a shopper into an order.
func (d *desk) checkout(r *http.Request) (any, error) {
	var by struct {
		Shopper string `json:"shopper"`
	}
	if err := service.Body(r, &by); err != nil {
		return nil, err
	}
	cart := d.cart + "/carts/" + url.PathEscape(by.Shopper)
	o := order{ID: rand.Text()[:8], Shopper: by.Shopper, Status: pending, Placed: time.Now().UTC()}
	// The cart answers with the lines and the total of the order.
	if err := service.Call(r.Context(), http.MethodGet, cart, nil, &o); err != nil {
		return nil, err
	}
	if len(o.Lines) == 0 {
		return nil, service.Errorf(http.StatusConflict, "the cart is empty")
	}
	if err := service.Call(r.Context(), http.MethodDelete, cart, nil, nil); err != nil {
		return nil, err
	}
	d.book.put(o)
	ctx := d.service.Detach(r.Context())
	d.paying.Go(func() { d.pay(ctx, o) })
	return o, nil
}

// pay asks for the payment until there is an answer. To ask twice is safe: payment goes by the order's ID.
func (d *desk) pay(ctx context.Context, o order) {
	charge := map[string]any{"order": o.ID, "amount": o.Total}
	for {
		var r receipt
		err := d.ask(ctx, "payments", charge, &r)
		if err == nil {
			o.Status, o.Receipt = paid, &r
			d.book.put(o)
			slog.Info("order paid", "order", o.ID, "receipt", r.Number)
			return
		}
		slog.Warn("order not paid yet", "order", o.ID, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryAfter):
		}
	}
}

// ask asks over the queue, but does not wait for ever.
func (d *desk) ask(ctx context.Context, subject string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	return d.queue.Ask(ctx, subject, in, out)
}

// close returns when nothing uses the queue any more.
func (d *desk) close() { d.paying.Wait() }
