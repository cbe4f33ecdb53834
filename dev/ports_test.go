package dev

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/state"
)

func TestPortOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]int{
		"127.0.0.1:7233": 7233, "http://127.0.0.1:8233": 8233, "[::1]:80": 80, "": 0, "nonsense": 0, "a:b": 0,
	} {
		if got := portOf(address); got != want {
			t.Errorf("portOf(%q) = %d, want %d", address, got, want)
		}
	}
}

// Clients that lost a server find the next one where it was.
func TestChoosePorts_TakesThoseOfTheLastServer(t *testing.T) {
	t.Parallel()
	files := server.Files{Record: t.TempDir() + "/server.json"}
	// Neither ports that another test's server takes, nor those that the system gives to whoever asks for any.
	var free []net.Listener
	for port := 26_000 + rand.IntN(5_000); len(free) < 2; port++ {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			free = append(free, l)
		}
	}
	if err := state.WriteJSON(files.Record, server.Record{Address: free[0].Addr().String(), UI: "http://" + free[1].Addr().String()}); err != nil {
		t.Fatal(err)
	}
	for _, l := range free {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := choosePorts(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.ui.Close() }()
	if got.frontendAddress() != free[0].Addr().String() || got.ui.Addr().String() != free[1].Addr().String() {
		t.Errorf("chose %s and %s, want %s and %s", got.frontendAddress(), got.ui.Addr(), free[0].Addr(), free[1].Addr())
	}
}
