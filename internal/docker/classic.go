package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	gofs "io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/registry"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/envflow/envflow/internal/failure"
)

// What the classic builder finds in the archive beside the context. It removes both again before the first step, because
// its ignore file says so.
const (
	classicDockerfile = ".envflow.Dockerfile"
	classicIgnores    = ".dockerignore"
)

var (
	classicStep = regexp.MustCompile(`^Step (\d+)/\d+ : `)
	chatter     = regexp.MustCompile(`^(?: ---> |Removing intermediate container |Successfully (?:built|tagged) |\n$)`)
)

// classic builds with the builder that engines had before BuildKit and returns the image's ID.
func (b *task) classic(ctx context.Context) (string, error) {
	if len(b.Image.Secrets)+len(b.Image.SSH) > 0 {
		return "", failure.UserError(nil, "docker_build(secret=..., ssh=...) needs BuildKit, which the docker engine does not have or DOCKER_BUILDKIT forbids")
	}
	files, err := b.contextFiles()
	if err != nil {
		return "", err
	}
	logins, err := b.client.allLogins()
	if err != nil {
		return "", err
	}
	options := b.options()
	options.Version = build.BuilderV1
	options.Dockerfile = classicDockerfile
	options.AuthConfigs = map[string]registry.AuthConfig{}
	for host, login := range logins {
		options.AuthConfigs[host] = registry.AuthConfig(login)
	}

	reader, writer := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := b.pack(ctx, writer, files)
		_ = writer.CloseWithError(err) // it never fails
		packed <- err
	}()
	id, number := "", 0
	b.output.failed = func() (name, message string, lines []string) {
		if number == 0 || number > len(b.file.nodes) {
			return "", "", nil
		}
		return b.file.nodes[number-1].Original, "", b.output.kept(strconv.Itoa(number))
	}
	err = b.run(ctx, reader, options, func(m message) error {
		if found := imageID(m.Aux); found != "" {
			id = found
		}
		// It paints what programs write to their standard error, and tells of its containers.
		text := strings.TrimSuffix(strings.TrimPrefix(m.Stream, "\x1b[91m"), "\x1b[0m")
		if match := classicStep.FindStringSubmatch(text); match != nil {
			b.output.flush()
			number, _ = strconv.Atoi(match[1]) // digits, by the expression
			b.output.say(match[1], strings.TrimRight(text, "\n"))
			return nil
		}
		if strings.HasPrefix(text, " ---> Using cache") {
			b.output.say(strconv.Itoa(number), "CACHED")
		}
		if chatter.MatchString(text) {
			return nil
		}
		if m.Status != "" {
			b.output.say("", m.Status)
		}
		b.output.write(strconv.Itoa(number), "", []byte(text))
		return nil
	})
	_ = reader.Close() // what is packing ends, if the engine did not want all
	if failed := <-packed; failed != nil && !errors.Is(failed, io.ErrClosedPipe) && ctx.Err() == nil {
		return "", failure.TransientError(fmt.Errorf("send the build context of %s: %w", b.Image.Ref, failed), "the build context cannot be read")
	}
	switch {
	case err != nil:
		return "", err
	case id == "":
		return "", b.lost(errors.New("it ended without an image"))
	}
	return id, nil
}

// pack writes the context and the Dockerfile as an archive.
func (b *task) pack(ctx context.Context, w io.Writer, files fsutil.FS) error {
	archive := tar.NewWriter(w)
	ignores := []byte{}
	err := files.Walk(ctx, "/", func(path string, entry gofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if filepath.ToSlash(path) == classicIgnores && info.Mode().IsRegular() {
			ignores, err = read(files, path)
			return err
		}
		if info.Mode().Type()&(gofs.ModeSocket|gofs.ModeIrregular) != 0 {
			return nil
		}
		return add(archive, files, path, info)
	})
	if err != nil {
		return err
	}
	own := classicIgnores + "\n"
	if len(ignores) > 0 {
		own = ""
	}
	ignores = append(ignores, []byte("\n"+classicDockerfile+"\n"+own)...)
	for _, file := range []memoryFile{{name: classicIgnores, content: ignores}, {name: classicDockerfile, content: []byte(b.file.text)}} {
		if err := archive.WriteHeader(&tar.Header{Name: file.name, Mode: 0o644, Size: int64(len(file.content))}); err != nil {
			return err
		}
		if _, err := archive.Write(file.content); err != nil {
			return err
		}
	}
	return archive.Close()
}

func read(files fsutil.FS, path string) ([]byte, error) {
	in, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // opened for reading
	return io.ReadAll(in)
}

// add writes one file, folder or link.
func add(archive *tar.Writer, files fsutil.FS, path string, info gofs.FileInfo) error {
	link := ""
	if stat, ok := info.Sys().(*types.Stat); ok {
		link = stat.Linkname
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name = filepath.ToSlash(path)
	if info.IsDir() {
		header.Name += "/"
	}
	if link != "" && info.Mode().IsRegular() { // another name of a file that was there before
		header.Typeflag, header.Size = tar.TypeLink, 0
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	in, err := files.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // opened for reading
	// What grows meanwhile is cut, what shrinks is an error: the build would be of neither state.
	if _, err := io.CopyN(archive, in, header.Size); err != nil {
		return fmt.Errorf("read %s while it changes: %w", path, err)
	}
	return nil
}
