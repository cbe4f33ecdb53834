package kubetest

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// Proxy stands between a client and the API server.
type Proxy struct {
	target   string
	listener net.Listener

	mu     sync.Mutex // guards all below
	thaw   *sync.Cond
	refuse bool
	frozen bool
	closed bool
	conns  map[net.Conn]bool
}

// Through returns config led through a new proxy, which ends with the test.
func Through(tb testing.TB, config *rest.Config) (*rest.Config, *Proxy) {
	tb.Helper()
	target, err := url.Parse(config.Host)
	if err != nil {
		tb.Fatalf("read the address of the API server: %v", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("start a proxy: %v", err)
	}
	p := &Proxy{target: target.Host, listener: listener, conns: map[net.Conn]bool{}}
	p.thaw = sync.NewCond(&p.mu)
	var wg sync.WaitGroup
	wg.Go(func() { p.accept(tb.Context(), &wg) })
	tb.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		p.closed = true
		p.thaw.Broadcast()
		p.mu.Unlock()
		p.Drop()
		wg.Wait()
	})
	led := rest.CopyConfig(config)
	led.Host = "https://" + listener.Addr().String()
	return led, p
}

func (p *Proxy) accept(ctx context.Context, wg *sync.WaitGroup) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse
		p.mu.Unlock()
		if refuse {
			_ = client.Close()
			continue
		}
		wg.Go(func() { p.carry(ctx, client) })
	}
}

func (p *Proxy) carry(ctx context.Context, client net.Conn) {
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.copy(server, client) })
	p.copy(client, server)
	wg.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

func (p *Proxy) copy(to, from net.Conn) {
	defer func() {
		_ = to.Close()
		_ = from.Close()
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		for p.frozen && !p.closed {
			p.thaw.Wait()
		}
		p.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Drop ends all connections. New ones are let through.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// Cut ends all connections and refuses new ones until Heal.
func (p *Proxy) Cut() {
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	p.Drop()
}

// Freeze holds back what is sent on all connections, new ones too, until Heal: no end of a connection is seen.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = true
}

// Heal takes back Cut and Freeze. What was held back goes on.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse, p.frozen = false, false
	p.thaw.Broadcast()
}

// Lose ends the connections that Freeze holds, as a network that forgot them would, and takes back Freeze.
func (p *Proxy) Lose() {
	p.Drop()
	p.Heal()
}
