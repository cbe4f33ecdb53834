package docker

import (
	"fmt"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/envflow/envflow/internal/failure"
)

// hubKey is what docker's configuration calls Docker Hub.
const hubKey = "https://index.docker.io/v1/"

// hubHosts are the names that registries and builders have for it.
var hubHosts = map[string]bool{"docker.io": true, "index.docker.io": true, "registry-1.docker.io": true}

// logins reads docker's configuration. It is read anew each time, for somebody may have logged in meanwhile.
func (c *Client) logins() (*configfile.ConfigFile, error) {
	dir := c.options.configDir()
	if dir == "" {
		return configfile.New(""), nil
	}
	file, err := config.Load(dir)
	if err != nil {
		return nil, failure.UserError(fmt.Errorf("read docker's configuration: %w", err), "docker's config.json cannot be read")
	}
	return file, nil
}

// login returns the login for a registry's host, the zero one if there is none.
func (c *Client) login(host string) (types.AuthConfig, error) {
	file, err := c.logins()
	if err != nil {
		return types.AuthConfig{}, err
	}
	if hubHosts[host] {
		host = hubKey
	}
	login, err := file.GetAuthConfig(host)
	if err != nil {
		return types.AuthConfig{}, failure.UserError(fmt.Errorf("ask docker's credential helper for %s: %w", host, err), "the login for registry %s cannot be read", host)
	}
	return login, nil
}

func (c *Client) allLogins() (map[string]types.AuthConfig, error) {
	file, err := c.logins()
	if err != nil {
		return nil, err
	}
	logins, err := file.GetAllCredentials()
	if err != nil {
		return nil, failure.UserError(fmt.Errorf("ask docker's credential helpers: %w", err), "the logins for registries cannot be read")
	}
	return logins, nil
}

// keychain gives go-containerregistry the same logins.
type keychain struct{ client *Client }

// Resolve returns the login for a registry.
func (k keychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	host := r.RegistryStr()
	if host == name.DefaultRegistry {
		host = hubKey
	}
	login, err := k.client.login(host)
	if err != nil {
		return nil, err
	}
	if login == (types.AuthConfig{ServerAddress: login.ServerAddress}) {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(authn.AuthConfig{
		Username: login.Username, Password: login.Password, Auth: login.Auth,
		IdentityToken: login.IdentityToken, RegistryToken: login.RegistryToken,
	}), nil
}
