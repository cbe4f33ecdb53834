package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
)

// serveVerb makes the test binary a server: what local resources of tests run.
const serveVerb = "serve-for-a-test"

func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == serveVerb {
		if err := serve(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serve answers with the content of a file, and 503 while it is not there. It prints a numbered line for each request.
func serve(port, file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt) //nolint:forbidigo // here it is a command
	defer stop()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(os.Stdout, "serving "+file)
	go func() {
		<-ctx.Done()
		_, _ = fmt.Fprintln(os.Stdout, "bye")
		os.Exit(0)
	}()
	n := 0
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		_, _ = fmt.Fprintf(os.Stdout, "request %d\n", n)
		data, err := os.ReadFile(file)
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("X-Pid", strconv.Itoa(os.Getpid()))
		_, _ = w.Write(data)
	}))
}
