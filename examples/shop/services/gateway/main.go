// Command gateway is what the browser talks to: it serves the page, and passes what is below /api on to the services.
package main

import (
	"net/http"
	"os"

	"example.com/shop/internal/service"
)

func main() {
	s := service.New("gateway", "1")
	p := peers{
		"catalogue": service.Env("SHOP_CATALOGUE", "http://catalogue:8080"),
		"cart":      service.Env("SHOP_CART", "http://cart:8080"),
		"orders":    service.Env("SHOP_ORDERS", "http://orders:8080"),
		"payment":   service.Env("SHOP_PAYMENT", "http://payment:8080"),
		"queue":     service.Env("SHOP_QUEUE_HTTP", "http://queue:8080"),
	}
	for path, peer := range map[string]string{"products": "catalogue", "carts": "cart", "orders": "orders"} {
		proxy, err := proxyTo(p[peer])
		if err != nil {
			service.Fail(err)
		}
		s.Handle("/api/"+path, proxy)
		s.Handle("/api/"+path+"/", proxy)
	}
	s.JSON("GET /api/trace", func(r *http.Request) (any, error) { return trace(r.Context(), s, p), nil })
	s.Handle("/", page(service.Env("SHOP_WEB", "web")))
	s.Run()
}

// page serves the files in a folder as they are now. Nothing is kept in the browser, so reloading shows every change.
func page(dir string) http.Handler {
	files := http.FileServerFS(os.DirFS(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		files.ServeHTTP(w, r)
	})
}
