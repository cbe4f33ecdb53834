// Command server is what the testbed's image without a shell runs: an HTTP server that tells where it runs.
package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	host, err := os.Hostname()
	if err != nil {
		slog.Error("read the host name", "error", err)
		os.Exit(1)
	}
	server := &http.Server{
		Addr:              ":" + port,
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "hello from %s\n", host)
		}),
	}
	slog.Info("listening", "port", port)
	slog.Error("serve", "error", server.ListenAndServe())
	os.Exit(1)
}
