package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/envflow/envflow/internal/failure"
)

// registryLimit is how long a registry may take to say whether it has an image.
const registryLimit = 5 * time.Second

// ImageConfig is what an image says about the containers made of it.
type ImageConfig struct {
	ID         string
	Entrypoint []string
	Cmd        []string
	EnvNames   []string // names of the variables it sets, sorted; their values may be secrets
	WorkDir    string
	User       string
	Platform   string // linux/amd64
	Labels     map[string]string
}

// Tag gives an image, by its ID or a name, another name.
func (c *Client) Tag(ctx context.Context, id, ref string) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if err := c.api.ImageTag(ctx, id, ref); err != nil {
		return c.callError(ctx, err, "tag an image")
	}
	return nil
}

// Push sends an image to the registry that its name says, and returns the digest it has there ("sha256:..."). output gets a
// line for each step of a layer; it may be nil. A registry that refuses is a failure.User, one that does not answer a
// failure.Transient.
func (c *Client) Push(ctx context.Context, ref string, output func(string)) (digest string, err error) {
	if output == nil {
		output = func(string) {}
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", failure.UserError(fmt.Errorf("push %s: %w", ref, err), "the name of an image is not valid")
	}
	host := reference.Domain(named)
	login, err := c.login(host)
	if err != nil {
		return "", err
	}
	encoded, err := registry.EncodeAuthConfig(registry.AuthConfig(login))
	if err != nil {
		return "", fmt.Errorf("push %s: encode the login: %w", ref, err)
	}
	answer, err := c.api.ImagePush(ctx, reference.TagNameOnly(named).String(), image.PushOptions{RegistryAuth: encoded})
	if err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("push %s: %w", ref, context.Cause(ctx))
		}
		return "", c.callError(ctx, err, "push an image")
	}
	defer func() { _ = answer.Close() }()
	digest, err = readPush(answer, output)
	var refused *pushError
	switch {
	case err == nil:
		return digest, nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("push %s: %w", ref, context.Cause(ctx))
	case errors.As(err, &refused):
		whole := fmt.Errorf("push %s: %w", ref, err)
		switch {
		case denied.MatchString(refused.message):
			return "", failure.UserError(whole, "registry %s refuses the push: log in with `docker login`, or choose another with default_registry()", host)
		case strings.Contains(refused.message, "does not exist locally"):
			return "", failure.UserError(whole, "the image to push is not in the docker engine")
		}
		return "", failure.TransientError(whole, "the push to registry %s failed", host)
	default:
		return "", failure.Missing(fmt.Errorf("push %s: read the answer of the docker engine at %s: %w", ref, c.where, err), failure.Docker, "the docker engine went away during the push")
	}
}

// pushError is what the engine says of a push that failed.
type pushError struct{ message string }

func (e *pushError) Error() string { return e.message }

func readPush(answer io.Reader, output func(string)) (digest string, err error) {
	decoder := json.NewDecoder(answer)
	shown := map[string]string{} // the last status of a layer: without the many about its progress
	for {
		var m message
		if err := decoder.Decode(&m); err != nil {
			if err == io.EOF && digest != "" {
				return digest, nil
			}
			return "", err
		}
		if text := m.failure(); text != "" {
			return "", &pushError{message: text}
		}
		var pushed struct{ Digest string }
		if json.Unmarshal(m.Aux, &pushed) == nil && pushed.Digest != "" {
			digest = pushed.Digest
		}
		switch {
		case m.Status == "" || shown[m.ID] == m.Status:
		case m.ID == "":
			output(m.Status)
		default:
			shown[m.ID] = m.Status
			output(m.ID + ": " + m.Status)
		}
	}
}

// ImageExists says whether the engine has an image of this ID or name.
func (c *Client) ImageExists(ctx context.Context, id string) (bool, error) {
	_, ok, err := c.ImageID(ctx, id)
	return ok, err
}

// ImageID returns the ID of the image that the engine has by this ID or name.
func (c *Client) ImageID(ctx context.Context, ref string) (id string, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	found, err := c.api.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, c.callError(ctx, err, "look at an image")
	}
	return found.ID, true, nil
}

// ImageConfig returns the configuration of an image by its ID or name. One that is missing is a failure.User.
func (c *Client) ImageConfig(ctx context.Context, id string) (ImageConfig, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	found, err := c.api.ImageInspect(ctx, id)
	if err != nil {
		return ImageConfig{}, c.callError(ctx, err, "look at an image")
	}
	result := ImageConfig{ID: found.ID, Platform: found.Os + "/" + found.Architecture}
	if found.Variant != "" {
		result.Platform += "/" + found.Variant
	}
	config := found.Config
	if config == nil {
		return result, nil
	}
	result.Entrypoint, result.Cmd, result.WorkDir, result.User, result.Labels = config.Entrypoint, config.Cmd, config.WorkingDir, config.User, config.Labels
	for _, variable := range config.Env {
		name, _, _ := strings.Cut(variable, "=")
		result.EnvNames = append(result.EnvNames, name)
	}
	slices.Sort(result.EnvNames)
	return result, nil
}

// RemoveImage removes a name, or an image by its ID with the layers that nothing else uses. One that is missing is no error,
// one that a container uses is.
func (c *Client) RemoveImage(ctx context.Context, ref string) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	_, err := c.api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return c.callError(ctx, err, "remove an image")
	}
	return nil
}

// InRegistry says whether the registry has what ref names, by tag or digest. It asks the registry itself and waits 5 s at
// most. A registry that demands a login is a failure.User, one that does not answer a failure.Transient.
func (c *Client) InRegistry(ctx context.Context, ref string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, registryLimit)
	defer cancel()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return false, failure.UserError(fmt.Errorf("look for %s: %w", ref, err), "the name of an image is not valid")
	}
	host := parsed.Context().RegistryStr()
	if c.insecure(ctx, host) {
		if parsed, err = name.ParseReference(ref, name.Insecure); err != nil {
			return false, failure.UserError(fmt.Errorf("look for %s: %w", ref, err), "the name of an image is not valid")
		}
	}
	_, err = remote.Head(parsed, remote.WithContext(ctx), remote.WithAuthFromKeychain(keychain{c}), remote.WithRetryPredicate(func(error) bool { return false }))
	if err == nil {
		return true, nil
	}
	whole := fmt.Errorf("look for %s: %w", ref, err)
	var answer *transport.Error
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusNotFound:
			return false, nil
		case http.StatusUnauthorized, http.StatusForbidden:
			return false, failure.UserError(whole, "registry %s demands a login: use `docker login`", host)
		}
	}
	if classified, ok := errors.AsType[*failure.Error](err); ok { // a login that cannot be read
		return false, classified
	}
	return false, failure.TransientError(whole, "registry %s does not answer", host)
}

// insecure says whether a registry may be asked without TLS: on this machine, or if the engine is told so.
func (c *Client) insecure(ctx context.Context, host string) bool {
	bare := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		bare = h
	}
	if ip := net.ParseIP(bare); bare == "localhost" || ip != nil && ip.IsLoopback() {
		return true
	}
	info, err := c.engineInfo(ctx)
	if err != nil || info.RegistryConfig == nil {
		return false // then the registry is asked the secure way
	}
	index := info.RegistryConfig.IndexConfigs[host]
	return index != nil && !index.Secure
}
