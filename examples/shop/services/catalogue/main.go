// Command catalogue knows what the shop sells. The products are read from disk for each request, so that a change of
// products.json shows at once.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"example.com/shop/internal/service"
)

type product struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	About string `json:"about"`
	Price int    `json:"price"` // in cents
	Hue   int    `json:"hue"`   // of its picture on the page, in degrees
}

func main() {
	file := service.Env("SHOP_PRODUCTS", "products.json")
	s := service.New("catalogue", "1")
	s.JSON("GET /products", func(*http.Request) (any, error) { return read(file) })
	s.JSON("GET /products/{id}", func(r *http.Request) (any, error) { return find(file, r.PathValue("id")) })
	s.Run()
}

func read(file string) ([]product, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the products: %w", err)
	}
	var list []product
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read the products from %s: %w", file, err)
	}
	return list, nil
}

func find(file, id string) (product, error) {
	list, err := read(file)
	if err != nil {
		return product{}, err
	}
	for _, p := range list {
		if p.ID == id {
			return p, nil
		}
	}
	return product{}, service.Errorf(http.StatusNotFound, "there is no product %q", id)
}
