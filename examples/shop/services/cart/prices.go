package main

import (
	"context"
	"net/http"
	"net/url"

	"example.com/shop/internal/service"
)

// prices makes priced carts with what the catalogue says.
type prices struct {
	catalogue string // its address
}

type product struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Price int    `json:"price"`
}

type line struct {
	Product  string `json:"product"`
	Name     string `json:"name"`
	Quantity int    `json:"quantity"`
	Price    int    `json:"price"` // of one, in cents
}

type cart struct {
	Lines []line `json:"lines"`
	Total int    `json:"total"`
}

// exists returns an error if the shop does not sell the product.
func (p prices) exists(ctx context.Context, id string) error {
	return service.Call(ctx, http.MethodGet, p.catalogue+"/products/"+url.PathEscape(id), nil, nil)
}

// cart returns the cart with these quantities. What is no longer sold is left out.
func (p prices) cart(ctx context.Context, quantities map[string]int) (cart, error) {
	result := cart{Lines: []line{}}
	if len(quantities) == 0 {
		return result, nil
	}
	var products []product
	if err := service.Call(ctx, http.MethodGet, p.catalogue+"/products", nil, &products); err != nil {
		return cart{}, err
	}
	for _, product := range products {
		if quantity := quantities[product.ID]; quantity > 0 {
			result.Lines = append(result.Lines, line{product.ID, product.Name, quantity, product.Price})
			result.Total += quantity * product.Price
		}
	}
	return result, nil
}
