package local

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

const (
	maxPort   = 65535
	localhost = "localhost"
)

// execCommand is what exec_action returns, a type of its own.
type execCommand struct{ argv []string }

// given takes a value that a builtin of this family returned. None means none.
type given[T any] struct {
	want  string // how to write one
	value *T     // a copy; nil if none was given
}

// Unpack implements starlark.Unpacker.
func (g *given[T]) Unpack(v gostarlark.Value) error {
	if v == gostarlark.None {
		return nil
	}
	o, ok := v.(*kit.Opaque[T])
	if !ok {
		return fmt.Errorf("got %s, want %s", v.Type(), g.want)
	}
	data := o.Data
	g.value = &data
	return nil
}

// What a probe has that says nothing, times in seconds.
const (
	defaultTimeout = 1
	defaultPeriod  = 10
	defaultSuccess = 1
	defaultFailure = 3
)

func probe(c *kit.Call) (gostarlark.Value, error) {
	p := plan.Probe{Timeout: defaultTimeout, Period: defaultPeriod, SuccessThreshold: defaultSuccess, FailureThreshold: defaultFailure}
	exec := given[execCommand]{want: "exec_action(...)"}
	get := given[plan.HTTPGet]{want: "http_get_action(...)"}
	socket := given[plan.TCPSocket]{want: "tcp_socket_action(...)"}
	if err := c.Unpack("initial_delay_secs??", &p.InitialDelay, "timeout_secs??", &p.Timeout, "period_secs??", &p.Period,
		"success_threshold??", &p.SuccessThreshold, "failure_threshold??", &p.FailureThreshold,
		"exec?", &exec, "http_get?", &get, "tcp_socket?", &socket); err != nil {
		return nil, err
	}
	for _, number := range []struct {
		name         string
		value        *int
		min, without int
	}{
		{"initial_delay_secs", &p.InitialDelay, 0, 0},
		{"timeout_secs", &p.Timeout, 1, defaultTimeout},
		{"period_secs", &p.Period, 1, defaultPeriod},
		{"success_threshold", &p.SuccessThreshold, 1, defaultSuccess},
		{"failure_threshold", &p.FailureThreshold, 1, defaultFailure},
	} {
		if *number.value > math.MaxInt32 {
			return nil, fmt.Errorf("%s: it must fit 32 bits, got %d", number.name, *number.value)
		}
		if *number.value < number.min { // as in Kubernetes 0 means that nothing is given
			*number.value = number.without
		}
	}
	actions := 0
	for _, there := range []bool{exec.value != nil, get.value != nil, socket.value != nil} {
		if there {
			actions++
		}
	}
	if actions != 1 {
		return nil, fmt.Errorf("it needs exactly one of exec, http_get and tcp_socket, and has %d", actions)
	}
	if exec.value != nil {
		p.Exec = exec.value.argv
	}
	p.HTTPGet, p.TCPSocket = get.value, socket.value
	return &kit.Opaque[plan.Probe]{Kind: "Probe", Data: p}, nil
}

func execAction(c *kit.Call) (gostarlark.Value, error) {
	var argv kit.HostCmd
	if err := c.Unpack("command", &argv); err != nil {
		return nil, err
	}
	if len(argv) == 0 {
		return nil, errors.New("the command is empty")
	}
	return &kit.Opaque[execCommand]{Kind: "ExecAction", Data: execCommand{argv}}, nil
}

func httpGetAction(c *kit.Call) (gostarlark.Value, error) {
	var host, scheme, path kit.Str
	var get plan.HTTPGet
	if err := c.Unpack("port", &get.Port, "host??", &host, "scheme??", &scheme, "path??", &path); err != nil {
		return nil, err
	}
	var err error
	if get.Host, err = address(string(host), get.Port); err != nil {
		return nil, err
	}
	get.Host = cmp.Or(get.Host, localhost)
	switch get.Scheme = cmp.Or(strings.ToLower(string(scheme)), "http"); get.Scheme {
	case "http", "https":
	default:
		return nil, fmt.Errorf("scheme: got %q, want http or https", string(scheme))
	}
	get.Path = "/" + strings.TrimPrefix(string(path), "/")
	return &kit.Opaque[plan.HTTPGet]{Kind: "HTTPGetAction", Data: get}, nil
}

func tcpSocketAction(c *kit.Call) (gostarlark.Value, error) {
	var host kit.Str
	var socket plan.TCPSocket
	if err := c.Unpack("port", &socket.Port, "host??", &host); err != nil {
		return nil, err
	}
	var err error
	socket.Host, err = address(string(host), socket.Port)
	return &kit.Opaque[plan.TCPSocket]{Kind: "TCPSocketAction", Data: socket}, err
}

// address checks where a probe goes, and returns the host without the brackets of an IPv6 address.
func address(host string, port int) (string, error) {
	if port < 1 || port > maxPort {
		return "", fmt.Errorf("%d is not a port: it must be between 1 and %d", port, maxPort)
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return strings.Trim(host, "[]"), nil
	}
	if strings.ContainsAny(host, ":/?#@[] \t\r\n") {
		return "", kit.Hint(fmt.Errorf("host: %q is neither an address nor the name of a host", host), "scheme, port and path are arguments of their own")
	}
	return host, nil
}
