package render

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/yaml"

	"github.com/envflow/envflow/starlark/kit"
)

// What bounds a values file from the network.
const (
	maxValues   = 16 << 20 // bytes
	valuesLimit = 30 * time.Second
)

// valuesFile is a file given to values=.
type valuesFile struct {
	name string // as the Tiltfile names it
	data []byte
}

func readValues(c *kit.Call, names []string) ([]valuesFile, error) {
	var list []valuesFile
	for _, name := range names {
		data, err := readValuesFile(c, name)
		if err != nil {
			return nil, err
		}
		list = append(list, valuesFile{name, data})
	}
	return list, nil
}

func readValuesFile(c *kit.Call, name string) ([]byte, error) {
	if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://") {
		data, err := download(c, name, valuesLimit)
		if err != nil {
			return nil, fmt.Errorf("values: read %s: %w", name, err)
		}
		return data, nil
	}
	data, err := c.ReadFile(c.Path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.Contains(name, "\n"):
		return nil, kit.Hint(errors.New("values: there is no such file"), "values= takes paths; give single values with set=['name=value']")
	case errors.Is(err, fs.ErrNotExist):
		return nil, kit.Hint(fmt.Errorf("values: there is no file %s", name), "paths start from %s", c.WorkingDir())
	case err != nil:
		return nil, fmt.Errorf("values: %w", err)
	}
	return data, nil
}

// download reads a values file from the network, as helm does, through the proxies that the Tiltfile's variables name.
func download(c *kit.Call, address string, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.Ctx, limit)
	defer cancel()
	data, err := get(ctx, &http.Client{Transport: &http.Transport{Proxy: proxies(c.Environ), DisableKeepAlives: true}}, address)
	if ctx.Err() != nil && c.Ctx.Err() == nil {
		return nil, kit.Hint(fmt.Errorf("it is not there within %s", limit), "see that this machine reaches the address, or keep the file in the project")
	}
	return data, err
}

func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxValues+1))
	if err == nil && len(data) > maxValues {
		return nil, errors.New("it is too big")
	}
	return data, err
}

// proxies is http.ProxyFromEnvironment for an environment that is not this process's.
func proxies(environ *kit.Environ) func(*http.Request) (*url.URL, error) {
	variable := func(name string) string {
		if value, ok := environ.Lookup(name); ok && value != "" {
			return value
		}
		value, _ := environ.Lookup(strings.ToLower(name))
		return value
	}
	config := httpproxy.Config{HTTPProxy: variable("HTTP_PROXY"), HTTPSProxy: variable("HTTPS_PROXY"), NoProxy: variable("NO_PROXY")}
	proxy := config.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return proxy(r.URL) }
}

// merged returns the values that the release is given: those of the files, later ones over earlier, then those of set=.
func (r *release) merged() (map[string]any, error) {
	values := map[string]any{}
	for _, file := range r.values {
		more := map[string]any{}
		if err := yaml.Unmarshal(file.data, &more); err != nil {
			return nil, fmt.Errorf("the values file %s is not YAML of names and values: %s", file.name, yamlReason(err))
		}
		values = merge(values, more)
	}
	for _, each := range r.set {
		if err := strvals.ParseInto(each, values); err != nil {
			return nil, kit.Hint(fmt.Errorf("set: %q cannot be read: %w", each, err), `write name=value; a comma within a value is \\,`)
		}
	}
	return values, nil
}

// merge returns the values of both; those of b count where both have one.
func merge(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	for name, value := range b {
		under, isMap := value.(map[string]any)
		if over, ok := all[name].(map[string]any); ok && isMap {
			value = merge(over, under)
		}
		all[name] = value
	}
	return all
}

// yamlReason is the message of a YAML error without the names of the libraries it went through.
func yamlReason(err error) string {
	text := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: while decoding JSON: ", "yaml: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}
