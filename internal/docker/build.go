package docker

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/versions"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/ignore"
	"github.com/envflow/envflow/internal/plan"
)

const (
	firstBuildKit = "1.39"          // the API version that came with BuildKit
	cancelLimit   = 2 * time.Second // for telling the engine that a build is not wanted anymore
)

// BuildRequest says what to build.
type BuildRequest struct {
	Image  *plan.Image
	Filter *ignore.Filter // of the context, by absolute paths; it alone decides, a .dockerignore in the context does not. nil sends all

	Tags     []string          // names of the image, beside Image.ExtraTags; none: only its ID
	Labels   map[string]string // of the image; another label makes another ID
	Platform string            // for want of Image.Platform and DOCKER_DEFAULT_PLATFORM; "": that of the engine
	Refs     map[string]string // what FROM and COPY --from are to use instead; a key without a tag means all tags

	Output    func(line string)           // called for each line, without its end; one at a time; nil drops them
	LookupEnv func(string) (string, bool) // for build args without a value, secrets and ssh; nil is empty
}

// BuildResult is what a build made.
type BuildResult struct {
	ImageID string // sha256:...
}

// Build builds an image, with BuildKit if the engine has it and DOCKER_BUILDKIT does not forbid it. Cancelling ctx ends the
// build in the engine too; the error is then that of ctx.
//
// A Dockerfile with mistakes or a step that fails is a failure.User, whose Summary has the line's number and whose text has the
// line and the last of the output. Trouble with the network or a registry is a failure.Transient, an engine that goes away a
// failure.Infrastructure.
func (c *Client) Build(ctx context.Context, r BuildRequest) (BuildResult, error) {
	b, err := c.newBuild(r)
	if err != nil {
		return BuildResult{}, err
	}
	useBuildKit, err := c.hasBuildKit()
	if err != nil {
		return BuildResult{}, err
	}
	if useBuildKit {
		id, err := b.buildKit(ctx)
		if !errors.Is(err, errNoBuildKit) {
			return b.result(ctx, id, err)
		}
	}
	id, err := b.classic(ctx)
	return b.result(ctx, id, err)
}

// hasBuildKit says whether to try BuildKit. That the engine's ping names no builder means nothing: before version 23 it names
// only what it would use by default.
func (c *Client) hasBuildKit() (bool, error) {
	if value := c.options.env("DOCKER_BUILDKIT"); value != "" {
		enabled, err := strconv.ParseBool(value)
		if err != nil {
			return false, failure.UserError(fmt.Errorf("read DOCKER_BUILDKIT: %w", err), "DOCKER_BUILDKIT must be 0 or 1")
		}
		return enabled, nil
	}
	return versions.GreaterThanOrEqualTo(c.api.ClientVersion(), firstBuildKit), nil
}

// task is one build.
type task struct {
	BuildRequest
	client     *Client
	file       *dockerfile // as it is sent, on the lines of the original
	original   *dockerfile
	args       map[string]*string
	basesMoved bool // Refs replaced one
	output     *output
}

func (c *Client) newBuild(r BuildRequest) (*task, error) {
	if r.Image == nil {
		return nil, failure.UserError(nil, "a build without an image")
	}
	b := &task{BuildRequest: r, client: c, args: map[string]*string{}, output: newOutput(r.Output)}
	plain := map[string]string{}
	for name, value := range r.Image.BuildArgs {
		if value == "" {
			var ok bool
			if value, ok = b.env(name); !ok {
				continue
			}
		}
		b.args[name], plain[name] = &value, value
	}
	b.original = readDockerfile(r.Image.Dockerfile, plain)
	text, moved := b.original.replace(r.Refs)
	b.file, b.basesMoved = readDockerfile(text, plain), moved
	return b, nil
}

func (b *task) env(name string) (string, bool) {
	if b.LookupEnv == nil {
		return "", false
	}
	return b.LookupEnv(name)
}

// platform returns the platform to build for, "" for that of the engine.
func (b *task) platform() string { return Platform(b.Image, b.env, b.Platform) }

// Platform returns what an image is built for: what its definition says, else DOCKER_DEFAULT_PLATFORM, else other.
func Platform(image *plan.Image, lookup func(name string) (string, bool), other string) string {
	if image.Platform != "" {
		return image.Platform
	}
	if platform, ok := lookup("DOCKER_DEFAULT_PLATFORM"); ok && platform != "" {
		return platform
	}
	return other
}

// options returns what both builders are told.
func (b *task) options() build.ImageBuildOptions {
	tags := slices.Clone(b.Tags)
	for _, tag := range b.Image.ExtraTags {
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return build.ImageBuildOptions{
		Tags:        tags,
		Labels:      b.Labels,
		BuildArgs:   b.args,
		Target:      b.Image.Target,
		Platform:    b.platform(),
		NetworkMode: b.Image.Network,
		CacheFrom:   b.Image.CacheFrom,
		ExtraHosts:  b.Image.ExtraHosts,
		// A base image of ours may be in the engine only: it cannot be pulled, and need not.
		PullParent:  b.Image.Pull && !b.basesMoved,
		Remove:      true,
		ForceRemove: true,
		BuildID:     randomID(),
	}
}

// result turns what a builder returned into what Build returns.
func (b *task) result(ctx context.Context, id string, err error) (BuildResult, error) {
	b.output.flush()
	if cause := context.Cause(ctx); cause != nil {
		return BuildResult{}, fmt.Errorf("build %s: %w", b.Image.Ref, cause)
	}
	if err != nil {
		return BuildResult{}, err
	}
	return BuildResult{ImageID: id}, nil
}

// run starts a build and reads the engine's answer to its end. Cancelling ctx cancels the build in the engine.
func (b *task) run(ctx context.Context, body io.Reader, options build.ImageBuildOptions, read func(message) error) error {
	cancelled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cancelled)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelLimit)
		defer cancel()
		// Closing the connection says the same, but a proxy in between may keep it open. There is nothing to do if it fails.
		_ = b.client.api.BuildCancel(ctx, options.BuildID)
	})
	defer func() {
		if !stop() {
			<-cancelled
		}
	}()
	response, err := b.client.api.ImageBuild(ctx, body, options)
	if err != nil {
		if unreachable(err) {
			return b.client.silent(err)
		}
		return b.explain(err.Error())
	}
	defer func() { _ = response.Body.Close() }()
	decoder := json.NewDecoder(response.Body)
	for {
		var m message
		err := decoder.Decode(&m)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return b.lost(err)
		}
		if text := m.failure(); text != "" {
			return b.explain(text)
		}
		if err := read(m); err != nil {
			return err
		}
	}
}

// lost is the error of an engine that goes away during the build.
func (b *task) lost(err error) error {
	return failure.Missing(fmt.Errorf("build %s: read the answer of the docker engine at %s: %w", b.Image.Ref, b.client.where, err),
		failure.Docker, "the docker engine went away during the build")
}

// message is one line of the engine's answer to a build or a push.
type message struct {
	ID          string          `json:"id"`
	Status      string          `json:"status"`
	Stream      string          `json:"stream"`
	Aux         json.RawMessage `json:"aux"`
	Error       string          `json:"error"`
	ErrorDetail *struct {
		Message string `json:"message"`
	} `json:"errorDetail"`
}

// failure returns the engine's message if this one ends the work, else "".
func (m message) failure() string {
	if m.ErrorDetail != nil && m.ErrorDetail.Message != "" {
		return m.ErrorDetail.Message
	}
	return m.Error
}

// imageID returns the ID in an answer's aux part, "" if it has none.
func imageID(aux json.RawMessage) string {
	var image struct{ ID string }
	if json.Unmarshal(aux, &image) != nil {
		return "" // another kind of message
	}
	return image.ID
}

func randomID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// contextKey names the context in the engine, where what was sent stays for the next build. Images with the same folder but
// other filters must not undo each other's.
func (b *task) contextKey() string {
	sum := sha256.Sum256([]byte(runtime.GOOS + "\x00" + b.Image.Context + "\x00" + b.Image.Ref))
	return hex.EncodeToString(sum[:])
}
