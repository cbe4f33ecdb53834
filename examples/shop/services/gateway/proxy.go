package main

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"example.com/shop/internal/service"
)

// proxyTo returns a handler that passes requests for /api/... on to a service as /... All headers go along, so nothing has
// to be done for those to be carried; the service's name is added to ours in the answer.
func proxyTo(address string) (http.Handler, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("address of a service: %w", err)
	}
	return http.StripPrefix("/api", &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
			service.WriteError(w, service.Errorf(http.StatusBadGateway, "who answers for %s cannot be reached: %v", name, err))
		},
	}), nil
}
