package images

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/distribution/reference"
	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/internal/plan"
	"github.com/envflow/envflow/starlark/kit"
)

// emptyContext is the context of an image whose Dockerfile copies nothing.
const emptyContext = "-"

// platformVariable overrides the platform of builds, as for docker.
const platformVariable = "DOCKER_DEFAULT_PLATFORM"

func (f *Family) dockerBuild(c *kit.Call) (gostarlark.Value, error) {
	var ref, target, network, platform kit.Str
	var context kit.Path
	var dockerfile, contents, cache, steps gostarlark.Value
	var buildArgs kit.StrDict
	var ignore, only, ssh, secret, extraTag, cacheFrom, extraHosts kit.Strs
	var containerArgs kit.Seq
	var entrypoint kit.ContainerCmd
	var inEnv, pull kit.OptBool
	if err := c.Unpack(
		"ref", &ref, "context", &context, "build_args?", &buildArgs, "dockerfile??", &dockerfile, "dockerfile_contents?", &contents,
		"cache?", &cache, "live_update?", &steps, "match_in_env_vars?", &inEnv, "ignore?", &ignore, "only?", &only,
		"entrypoint?", &entrypoint, "container_args?", &containerArgs, "target??", &target, "ssh?", &ssh, "secret?", &secret,
		"network??", &network, "extra_tag?", &extraTag, "cache_from?", &cacheFrom, "pull?", &pull, "platform??", &platform,
		"extra_hosts?", &extraHosts,
	); err != nil {
		return nil, err
	}
	named, err := parseRef(string(ref))
	if err != nil {
		return nil, err
	}
	for _, tag := range extraTag {
		if _, err := reference.ParseNormalizedNamed(tag); err != nil {
			return nil, fmt.Errorf("extra_tag %q is not the name of an image: %w", tag, err)
		}
	}
	if cache != nil {
		c.WarnDoesNothing("docker_build(cache=...) does nothing; take it out")
	}
	if platform == "" {
		if p, ok := c.Environ.Lookup(platformVariable); ok {
			platform = kit.Str(p)
		}
	}
	b := &build{builtin: c.Name, named: named, trace: c.Trace(), image: plan.Image{
		Ref:            string(ref),
		MatchInEnvVars: inEnv.Value,
		BuildArgs:      buildArgs,
		Target:         string(target),
		Platform:       string(platform),
		Network:        string(network),
		ExtraTags:      extraTag,
		CacheFrom:      cacheFrom,
		ExtraHosts:     extraHosts,
		SSH:            ssh,
		Secrets:        secret,
		Pull:           pull.Value,
		Entrypoint:     entrypoint,
		ContainerArgs:  containerArgs,
	}}
	if context != emptyContext {
		b.image.Context = c.Path(string(context))
	}
	if err := f.readDockerfile(c, b, dockerfile, contents); err != nil {
		return nil, err
	}
	b.froms = f.imagesOf(b.image.Dockerfile, b.image.BuildArgs)
	if b.image.Context != "" {
		if b.image.Ignores, err = f.ignoresOf(&b.image, ignore, only); err != nil {
			return nil, err
		}
	}
	if err := f.takeSteps(b, steps); err != nil {
		return nil, err
	}
	return nil, f.add(b)
}

// readDockerfile sets the Dockerfile of an image. It is read now: whoever saves it has the Tiltfile evaluated again.
func (f *Family) readDockerfile(c *kit.Call, b *build, path, contents gostarlark.Value) error {
	if contents != nil && contents != gostarlark.None {
		if path != nil {
			return errors.New("dockerfile and dockerfile_contents exclude each other")
		}
		text, ok := kit.Text(contents)
		if !ok {
			return fmt.Errorf("dockerfile_contents is a %s, want a string", contents.Type())
		}
		b.image.Dockerfile = text
		return nil
	}
	if path == nil {
		if b.image.Context == "" {
			return errors.New("an empty context needs dockerfile or dockerfile_contents")
		}
		b.image.DockerfilePath = filepath.Join(b.image.Context, "Dockerfile")
	} else {
		text, ok := kit.Text(path)
		if !ok {
			return fmt.Errorf("dockerfile is a %s, want a path", path.Type())
		}
		b.image.DockerfilePath = c.Path(text)
	}
	data, err := c.ReadFile(b.image.DockerfilePath)
	if errors.Is(err, fs.ErrNotExist) {
		return kit.Hint(fmt.Errorf("there is no Dockerfile %s", c.Display(b.image.DockerfilePath)),
			"dockerfile=... names another one; paths start from %s", c.WorkingDir())
	}
	if err != nil {
		return fmt.Errorf("read the Dockerfile: %w", err)
	}
	b.image.Dockerfile = string(data)
	return nil
}
