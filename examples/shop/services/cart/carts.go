package main

import (
	"maps"
	"sync"
)

// carts are the carts of all shoppers.
type carts struct {
	mu    sync.Mutex
	lines map[string]map[string]int // shopper, product, quantity
}

// of returns a copy of a shopper's cart: quantities by product.
func (c *carts) of(shopper string) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.lines[shopper])
}

func (c *carts) add(shopper, product string, quantity int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines[shopper] == nil {
		c.lines[shopper] = map[string]int{}
	}
	c.lines[shopper][product] += quantity
}

func (c *carts) remove(shopper, product string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lines[shopper], product)
}

func (c *carts) empty(shopper string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lines, shopper)
}
