// Command queue is the message queue of the shop: a NATS server inside a program of our own, so that it is built, and
// runs, like any other service. It keeps nothing: who gets no answer asks again.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"example.com/shop/internal/service"
	"github.com/nats-io/nats-server/v2/server"
)

// startLimit is how long the NATS server may take to listen.
const startLimit = 5 * time.Second

func main() {
	s := service.New("queue", "1")
	nats, err := start(service.Env("SHOP_QUEUE_LISTEN", ":4222"))
	if err != nil {
		service.Fail(err)
	}
	s.ReadyWhen(func() error {
		if !nats.Running() {
			return errors.New("the NATS server has stopped")
		}
		return nil
	})
	s.Run(nats.Shutdown, nats.WaitForShutdown)
}

// start returns a NATS server that listens on the address.
func start(address string) (*server.Server, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("SHOP_QUEUE_LISTEN: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("SHOP_QUEUE_LISTEN: %w", err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	nats, err := server.NewServer(&server.Options{ServerName: "shop", Host: host, Port: port, NoSigs: true})
	if err != nil {
		return nil, fmt.Errorf("prepare the NATS server: %w", err)
	}
	nats.SetLogger(logger{}, false, false)
	go nats.Start()
	if !nats.ReadyForConnections(startLimit) {
		return nil, fmt.Errorf("the NATS server does not listen on %s", address)
	}
	slog.Info("queue open", "address", nats.Addr().String())
	return nats, nil
}
