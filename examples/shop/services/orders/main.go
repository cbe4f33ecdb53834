// Command orders turns carts into orders and has them paid: it asks for the payment over the queue, again and again until
// somebody answers, so an order that is placed while payment is down is paid later.
package main

import (
	"net/http"

	"example.com/shop/internal/queue"
	"example.com/shop/internal/service"
)

func main() {
	s := service.New("orders", "1")
	q, err := queue.Connect(service.Env("SHOP_QUEUE", "nats://queue:4222"), s.Name)
	if err != nil {
		service.Fail(err)
	}
	s.ReadyWhen(q.Ready)
	book := &book{orders: map[string]order{}}
	desk := &desk{service: s, queue: q, book: book, cart: service.Env("SHOP_CART", "http://cart:8080")}

	s.JSON("POST /orders", desk.checkout)
	s.JSON("GET /orders", func(r *http.Request) (any, error) { return book.by(r.URL.Query().Get("shopper")), nil })
	s.JSON("GET /orders/{id}", func(r *http.Request) (any, error) { return book.find(r.PathValue("id")) })
	// Payment is asked over the queue what it sees, which shows what the queue carries along.
	s.JSON("GET /whoami/payment", func(r *http.Request) (any, error) {
		var seen service.Seen
		if err := desk.ask(r.Context(), "whoami.payment", nil, &seen); err != nil {
			return nil, service.Errorf(http.StatusBadGateway, "%v", err)
		}
		return seen, nil
	})
	s.Run(desk.close, q.Close)
}
