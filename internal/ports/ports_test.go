package ports_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/ports"
)

func TestListener(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Skipf("listen on %s: %v", address, err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		who, taken := ports.Listener(t.Context(), port)
		if !taken || who.PID != os.Getpid() || !strings.Contains(who.Command, "ports.test") {
			t.Errorf("on %s listens %+v, %t", address, who, taken)
		}
		_ = l.Close()
		if who, taken := ports.Listener(t.Context(), port); taken {
			t.Errorf("on %s still listens %s", address, who)
		}
	}
}
