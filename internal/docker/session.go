package docker

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"google.golang.org/grpc"

	"github.com/envflow/envflow/internal/failure"
)

// services returns what BuildKit may ask of us beside files: registry logins, secrets, the ssh agent.
func (b *task) services() ([]session.Attachable, error) {
	list := []session.Attachable{&loginService{client: b.client}}
	if len(b.Image.Secrets) > 0 {
		store, err := b.secretStore()
		if err != nil {
			return nil, failure.UserError(fmt.Errorf("secrets of %s: %w", b.Image.Ref, err), "docker_build(secret=...): a secret cannot be used")
		}
		list = append(list, secretsprovider.NewSecretProvider(store))
	}
	if len(b.Image.SSH) > 0 {
		agents, err := sshprovider.NewSSHAgentProvider(b.sshAgents())
		if err != nil {
			return nil, failure.UserError(fmt.Errorf("ssh of %s: %w", b.Image.Ref, err), "docker_build(ssh=...): the ssh agent or key cannot be used")
		}
		list = append(list, agents)
	}
	return list, nil
}

// loginService tells the engine the logins of docker's configuration. Fetching tokens is left to the engine: doing it here
// would keep a seed file in docker's folder.
type loginService struct {
	auth.UnimplementedAuthServer
	client *Client
}

// Register offers the service to the engine.
func (s *loginService) Register(server *grpc.Server) { auth.RegisterAuthServer(server, s) }

// Credentials returns the login for a registry, an empty one if there is none.
func (s *loginService) Credentials(_ context.Context, r *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	login, err := s.client.login(r.Host)
	if err != nil {
		return nil, err
	}
	if login.IdentityToken != "" {
		return &auth.CredentialsResponse{Secret: login.IdentityToken}, nil
	}
	return &auth.CredentialsResponse{Username: login.Username, Secret: login.Password}, nil
}

// secretStore reads secrets when a step asks for them.
type secretStore map[string]func() ([]byte, error)

// GetSecret returns a secret by its ID.
func (s secretStore) GetSecret(_ context.Context, id string) ([]byte, error) {
	read, ok := s[id]
	if !ok {
		return nil, secrets.ErrNotFound
	}
	return read()
}

// secretStore understands what `docker build --secret` does: id=NAME and src=FILE or env=VARIABLE, by default a variable or
// else a file of that name.
func (b *task) secretStore() (secretStore, error) {
	store := secretStore{}
	for _, spec := range b.Image.Secrets {
		fields, err := csv.NewReader(strings.NewReader(spec)).Read()
		if err != nil {
			return nil, fmt.Errorf("%q: %w", spec, err)
		}
		var id, kind, file, variable string
		for _, field := range fields {
			key, value, ok := strings.Cut(field, "=")
			if !ok {
				return nil, fmt.Errorf("%q: %q is not key=value", spec, field)
			}
			switch strings.ToLower(key) {
			case "id":
				id = value
			case "type":
				kind = value
			case "src", "source":
				file = value
			case "env":
				variable = value
			default:
				return nil, fmt.Errorf("%q: unknown key %q", spec, key)
			}
		}
		if id == "" {
			return nil, fmt.Errorf("%q: no id", spec)
		}
		if kind == "env" && variable == "" {
			variable, file = file, ""
		}
		if variable == "" && file == "" {
			if _, ok := b.env(id); ok || kind == "env" {
				variable = id
			} else {
				file = id
			}
		}
		if file != "" {
			if _, err := os.Stat(file); err != nil {
				return nil, fmt.Errorf("%q: %w", spec, err)
			}
			store[id] = func() ([]byte, error) { return os.ReadFile(file) }
			continue
		}
		store[id] = func() ([]byte, error) {
			value, ok := b.env(variable)
			if !ok {
				return nil, errors.New("the environment variable of the secret is not set")
			}
			return []byte(value), nil
		}
	}
	return store, nil
}

// sshAgents understands what `docker build --ssh` does: ID, or ID=SOCKET, or ID=KEY,KEY.
func (b *task) sshAgents() []sshprovider.AgentConfig {
	agents := make([]sshprovider.AgentConfig, 0, len(b.Image.SSH))
	for _, spec := range b.Image.SSH {
		id, paths, ok := strings.Cut(spec, "=")
		agent := sshprovider.AgentConfig{ID: id}
		if ok {
			agent.Paths = strings.Split(paths, ",")
		} else if socket, ok := b.env("SSH_AUTH_SOCK"); ok {
			agent.Paths = []string{socket}
		}
		agents = append(agents, agent)
	}
	return agents
}
