// Command cart keeps what each shopper wants to buy, in memory. Names and prices are the catalogue's, asked for each time.
package main

import (
	"net/http"

	"example.com/shop/internal/service"
)

func main() {
	s := service.New("cart", "1")
	c := &carts{lines: map[string]map[string]int{}}
	p := prices{catalogue: service.Env("SHOP_CATALOGUE", "http://catalogue:8080")}

	// answer is what all routes end with: the cart as it is now.
	answer := func(r *http.Request) (any, error) { return p.cart(r.Context(), c.of(r.PathValue("shopper"))) }

	s.JSON("GET /carts/{shopper}", answer)
	s.JSON("POST /carts/{shopper}", func(r *http.Request) (any, error) {
		var wanted struct {
			Product  string `json:"product"`
			Quantity int    `json:"quantity"`
		}
		if err := service.Body(r, &wanted); err != nil {
			return nil, err
		}
		if wanted.Quantity < 1 || wanted.Quantity > maxQuantity {
			return nil, service.Errorf(http.StatusBadRequest, "the quantity has to be between 1 and %d", maxQuantity)
		}
		if err := p.exists(r.Context(), wanted.Product); err != nil {
			return nil, err
		}
		c.add(r.PathValue("shopper"), wanted.Product, wanted.Quantity)
		return answer(r)
	})
	s.JSON("DELETE /carts/{shopper}/{product}", func(r *http.Request) (any, error) {
		c.remove(r.PathValue("shopper"), r.PathValue("product"))
		return answer(r)
	})
	s.JSON("DELETE /carts/{shopper}", func(r *http.Request) (any, error) {
		c.empty(r.PathValue("shopper"))
		return answer(r)
	})
	s.Run()
}

// maxQuantity is how many of a product can be added at once.
const maxQuantity = 99
