// Package queue is how services talk over the queue: one asks, any one of those that answer does.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"example.com/shop/internal/service"
	"github.com/nats-io/nats.go"
)

// errorHeader is the header of a reply that holds an error instead of an answer.
const errorHeader = "error"

// Client is a connection to the queue, made anew whenever it breaks.
type Client struct {
	conn    *nats.Conn
	subs    []*nats.Subscription
	working sync.WaitGroup // answers that are being made
}

// Connect returns a client of the queue at the address. It returns at once even if there is no queue yet; Ready says when
// there is.
func Connect(address, name string) (*Client, error) {
	conn, err := nats.Connect(address,
		nats.Name(name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500*time.Millisecond),
		nats.ConnectHandler(func(*nats.Conn) { slog.Info("connected to the queue", "address", address) }),
		nats.ReconnectHandler(func(*nats.Conn) { slog.Info("connected to the queue again", "address", address) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				slog.Warn("lost the queue", "address", address, "error", err)
			}
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to the queue at %s: %w", address, err)
	}
	return &Client{conn: conn}, nil
}

// Ready returns an error while there is no connection.
func (c *Client) Ready() error {
	if !c.conn.IsConnected() {
		return errors.New("no connection to the queue")
	}
	return nil
}

// Ask sends in to one of those that answer on the subject and decodes the answer into out.
func (c *Client) Ask(ctx context.Context, subject string, in, out any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	message := nats.NewMsg(subject)
	message.Data = data
	for name, value := range service.Carried(ctx) {
		message.Header.Set(name, value)
	}
	reply, err := c.conn.RequestMsgWithContext(ctx, message)
	if err != nil {
		return fmt.Errorf("ask for %s over the queue: %w", subject, err)
	}
	if problem := reply.Header.Get(errorHeader); problem != "" {
		return fmt.Errorf("ask for %s over the queue: %s", subject, problem)
	}
	if err := json.Unmarshal(reply.Data, out); err != nil {
		return fmt.Errorf("decode the answer for %s: %w", subject, err)
	}
	return nil
}

// Answer has f answer the messages on the subject, several at a time. Of all services that answer on it with the same group,
// one gets each message.
func (c *Client) Answer(subject, group string, f func(ctx context.Context, data []byte) (any, error)) error {
	sub, err := c.conn.QueueSubscribe(subject, group, func(message *nats.Msg) {
		c.working.Go(func() {
			if err := message.RespondMsg(answer(message, f)); err != nil {
				slog.Error("cannot reply over the queue", "subject", subject, "error", err)
			}
		})
	})
	if err != nil {
		return fmt.Errorf("answer %s: %w", subject, err)
	}
	c.subs = append(c.subs, sub)
	return nil
}

func answer(message *nats.Msg, f func(context.Context, []byte) (any, error)) *nats.Msg {
	ctx := service.Carry(context.Background(), message.Header.Values)
	reply := nats.NewMsg(message.Reply)
	result, err := f(ctx, message.Data)
	if err == nil {
		reply.Data, err = json.Marshal(result)
	}
	if err != nil {
		reply.Header.Set(errorHeader, err.Error())
	}
	slog.InfoContext(ctx, "message", "subject", message.Subject, "failed", err != nil, "baggage", service.Carried(ctx)["baggage"])
	return reply
}

// Close takes no more messages, finishes the answers that are being made, and disconnects.
func (c *Client) Close() {
	for _, sub := range c.subs {
		_ = sub.Unsubscribe() // it fails without a connection, and then nothing comes anyway
	}
	c.working.Wait()
	_ = c.conn.FlushTimeout(time.Second) // as above; who asked asks again
	c.conn.Close()
}
