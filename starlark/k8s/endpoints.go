package k8s

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	gostarlark "go.starlark.net/starlark"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

type forwardValue = kit.Opaque[plan.PortForward]

const maxPort = 65535

func portForward(c *kit.Call) (gostarlark.Value, error) {
	var local int
	var container gostarlark.Value
	var name, linkPath, host kit.Str
	if err := c.Unpack("local_port", &local, "container_port?", &container, "name??", &name, "link_path??", &linkPath, "host??", &host); err != nil {
		return nil, err
	}
	p := plan.PortForward{LocalPort: local, Name: string(name), Host: string(host)}
	if container != nil && container != gostarlark.None {
		var err error
		if p.ContainerPort, err = kit.Int(container); err != nil {
			return nil, fmt.Errorf("container_port: %w", err)
		}
	}
	if linkPath != "" {
		parsed, err := url.Parse(string(linkPath))
		if err != nil {
			return nil, fmt.Errorf("link_path: %w", err)
		}
		p.LinkPath = parsed.String()
	}
	return &forwardValue{Kind: "port_forward", Data: p}, checkForward(p)
}

func parseForwards(v gostarlark.Value) ([]plan.PortForward, error) {
	var list []plan.PortForward
	for _, item := range kit.OneOrMore(v) {
		p, err := parseForward(item)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func parseForward(v gostarlark.Value) (plan.PortForward, error) {
	if text, ok := kit.Text(v); ok {
		return forwardOf(text)
	}
	switch v := v.(type) {
	case gostarlark.Int:
		port, err := kit.Int(v)
		if err != nil {
			return plan.PortForward{}, err
		}
		p := plan.PortForward{LocalPort: port}
		return p, checkForward(p)
	case *forwardValue:
		return v.Data, nil
	}
	return plan.PortForward{}, fmt.Errorf("got %s, want a port, 'local:container' or port_forward(...)", v.Type())
}

// forwardOf reads "8000", "8000:80" and "127.0.0.1:8000:80".
func forwardOf(text string) (plan.PortForward, error) {
	parts := strings.Split(text, ":")
	var p plan.PortForward
	if len(parts) == 3 {
		p.Host, parts = parts[0], parts[1:]
		if p.Host == "" {
			return p, fmt.Errorf("%q has an empty host", text)
		}
	}
	if len(parts) > 2 {
		return p, fmt.Errorf("%q is not of the form [[host:]local:]container", text)
	}
	ports := []*int{&p.LocalPort, &p.ContainerPort}
	for i, part := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return p, fmt.Errorf("%q: %q is not a port", text, part)
		}
		*ports[i] = n
	}
	return p, checkForward(p)
}

func checkForward(p plan.PortForward) error {
	for _, port := range []int{p.LocalPort, p.ContainerPort} {
		if port < 0 || port > maxPort {
			return fmt.Errorf("%d is not a port: it must be between 1 and %d", port, maxPort)
		}
	}
	if p.LocalPort == 0 {
		return errors.New("0 is not a local port")
	}
	if p.Host == "" {
		return nil
	}
	if _, err := netip.ParseAddr(p.Host); err != nil && len(validation.IsDNS1123Subdomain(strings.ToLower(p.Host))) > 0 {
		return fmt.Errorf("%q is neither an address nor the name of a host", p.Host)
	}
	return nil
}
