package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/envflow/envflow/dev/testbed/image"
)

// recipe is the source of everything that decides what is in an image; when it changes the images are made again.
//
//go:embed images.go rootfs.go image/*.go
var recipe embed.FS

const (
	imagesDir  = cacheDir + "/images"
	pauseImage = "docker.io/envflow-testbed/pause:1"
)

// baseImage is one of the images that the testbed offers or needs.
type baseImage struct {
	name string
	tags []string
	node bool // needed in the node only: neither pushed nor loaded into the Docker engine
}

// baseImages stand in for the public ones of the same names, as far as a closed machine can.
var baseImages = []baseImage{
	{name: "localbase", tags: []string{"1"}},
	{name: "busybox", tags: []string{"latest", "1"}},
	{name: "alpine", tags: []string{"latest", "3"}},
	{name: "nginx", tags: []string{"latest", "1", "alpine"}},
	{name: "distroless", tags: []string{"latest", "1"}},
	{name: "pause", tags: []string{"1"}, node: true},
	{name: "coredns", tags: []string{"1"}, node: true},
}

// references are the names of the image in an engine.
func (b baseImage) references() []string {
	names := make([]string, len(b.tags))
	for i, tag := range b.tags {
		names[i] = b.repository() + ":" + tag
	}
	return names
}

// repository is the image's name on Docker Hub, as the mirror sees it.
func (b baseImage) repository() string {
	if b.node {
		return "envflow-testbed/" + b.name
	}
	return "library/" + b.name
}

// imageKey identifies the set of images that this checkout and the downloaded packages make.
func (t *testbed) imageKey() string {
	sum := sha256.New()
	fmt.Fprintln(sum, t.builds.coredns, t.builds.pause, t.builds.server)
	for _, set := range debSets {
		fmt.Fprintln(sum, set.files())
	}
	// Walking embedded files cannot fail.
	_ = fs.WalkDir(recipe, ".", func(path string, entry fs.DirEntry, _ error) error {
		if !entry.IsDir() {
			content, _ := recipe.ReadFile(path)
			sum.Write(content)
		}
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)[:6])
}

func (t *testbed) imageDir() string { return filepath.Join(imagesDir, t.imageKey()) }

// coreDNSImage is the reference of CoreDNS in the node; its tag changes with its content.
func (t *testbed) coreDNSImage() string { return "docker.io/envflow-testbed/coredns:1-" + t.imageKey() }

// imageIDs returns the ID of each image of this checkout by name, or nothing while they are not built.
func (t *testbed) imageIDs() map[string]string {
	content, err := os.ReadFile(filepath.Join(t.imageDir(), "ids.json"))
	if err != nil {
		return nil
	}
	var ids map[string]string
	if json.Unmarshal(content, &ids) != nil {
		return nil
	}
	return ids
}

// buildImages makes the archives of all images unless the cache holds them.
func (t *testbed) buildImages(ctx context.Context) error {
	dir := t.imageDir()
	if t.imageIDs() != nil {
		return nil
	}
	began := time.Now()
	if err := errors.Join(os.RemoveAll(imagesDir), os.MkdirAll(dir, 0o755)); err != nil {
		return fmt.Errorf("make folder for images: %w", err)
	}
	images, err := t.makeImages(ctx)
	if err != nil {
		return err
	}
	ids := map[string]string{}
	for _, base := range baseImages {
		built := images[base.name]
		ids[base.name] = built.ID()
		references := base.references()
		if base.name == "coredns" {
			references = []string{t.coreDNSImage()}
		}
		if err := writeArchive(filepath.Join(dir, base.name+".tar"), built, references); err != nil {
			return err
		}
	}
	content, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("encode image IDs: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ids.json"), content, 0o644); err != nil {
		return fmt.Errorf("write image IDs: %w", err)
	}
	t.say("built", "the base images in %.1f s", time.Since(began).Seconds())
	return nil
}

func writeArchive(path string, built image.Image, references []string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	return errors.Join(built.WriteArchive(file, references...), file.Close())
}

// loadNode imports every image into the node.
func (t *testbed) loadNode(ctx context.Context) error {
	have, err := t.nodeImages(ctx)
	if err != nil {
		return err
	}
	imported := t.importedIDs()
	for _, base := range baseImages {
		id := t.imageIDs()[base.name]
		if imported[base.name] == id && containsAll(have, t.nodeReferences(base)) {
			continue
		}
		if err := ctr(ctx, "images", "import", filepath.Join(t.imageDir(), base.name+".tar")); err != nil {
			return fmt.Errorf("import %s into the node: %w", base.name, err)
		}
		imported[base.name] = id
	}
	content, err := json.Marshal(imported)
	if err != nil {
		return fmt.Errorf("encode imported images: %w", err)
	}
	if err := os.WriteFile(containerdDir+"/imported.json", content, 0o600); err != nil {
		return fmt.Errorf("write imported images: %w", err)
	}
	return nil
}

// importedIDs returns the ID of the image that was last imported into the node, by name. It is lost with the node's
// images.
func (t *testbed) importedIDs() map[string]string {
	imported := map[string]string{}
	if content, err := os.ReadFile(containerdDir + "/imported.json"); err == nil {
		_ = json.Unmarshal(content, &imported) // What cannot be read is imported again.
	}
	return imported
}

func (t *testbed) nodeReferences(base baseImage) []string {
	if base.name == "coredns" {
		return []string{t.coreDNSImage()}
	}
	names := base.references()
	for i := range names {
		names[i] = "docker.io/" + names[i]
	}
	return names
}

func (t *testbed) nodeImages(ctx context.Context) ([]string, error) {
	out, err := ctrOutput(ctx, "images", "list", "-q")
	return strings.Fields(out), err
}

// loadEngine loads the images for users into the Docker engine.
func (t *testbed) loadEngine(ctx context.Context) error {
	wanted := t.engineWants(ctx)
	for _, base := range baseImages {
		if base.node || engineHas(ctx, base, wanted) == nil {
			continue
		}
		if err := engineLoad(ctx, filepath.Join(t.imageDir(), base.name+".tar")); err != nil {
			return err
		}
	}
	return nil
}

// engineWants returns what decides whether the ID of an image in the engine is right. In an engine that is not the
// testbed's, any image of that name will do: a real one is not replaced by a stand-in.
func (t *testbed) engineWants(ctx context.Context) func(name, id string) bool {
	if t.foreignEngine(ctx) {
		return func(_, id string) bool { return id != "" }
	}
	ids := t.imageIDs()
	return func(name, id string) bool { return id != "" && id == ids[name] }
}

// engineHas returns an error unless the engine has the image that is wanted under each of its tags.
func engineHas(ctx context.Context, base baseImage, wanted func(name, id string) bool) error {
	for _, tag := range base.tags {
		id, err := engineImage(ctx, base.name+":"+tag)
		if err != nil {
			return err
		}
		if !wanted(base.name, id) {
			return fmt.Errorf("the Docker engine lacks %s:%s", base.name, tag)
		}
	}
	return nil
}

func registry() image.Registry {
	return image.Registry{URL: "http://127.0.0.1:5000", Client: http.DefaultClient}
}

// pushImages pushes the images for users to the registry, where the mirror of Docker Hub finds them.
func (t *testbed) pushImages(ctx context.Context) error {
	for _, base := range baseImages {
		if base.node || t.registryHas(ctx, base) == nil {
			continue
		}
		file, err := os.Open(filepath.Join(t.imageDir(), base.name+".tar"))
		if err != nil {
			return fmt.Errorf("push %s: %w", base.name, err)
		}
		built, err := image.ReadArchive(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("push %s: %w", base.name, err)
		}
		for _, tag := range base.tags {
			if err := registry().Push(ctx, built, base.repository(), tag); err != nil {
				return err
			}
		}
	}
	return nil
}

// registryHas returns an error unless the registry has the image.
func (t *testbed) registryHas(ctx context.Context, base baseImage) error {
	for _, tag := range base.tags {
		id, err := registry().ImageID(ctx, base.repository(), tag)
		if err != nil {
			return err
		}
		if id != t.imageIDs()[base.name] {
			return fmt.Errorf("the registry lacks %s:%s", base.repository(), tag)
		}
	}
	return nil
}

// imagesLoaded returns an error unless every image is everywhere it should be.
func (t *testbed) imagesLoaded(ctx context.Context) error {
	ids := t.imageIDs()
	if ids == nil {
		return errors.New("the base images are not built")
	}
	have, err := t.nodeImages(ctx)
	if err != nil {
		return err
	}
	imported, wanted := t.importedIDs(), t.engineWants(ctx)
	for _, base := range baseImages {
		if imported[base.name] != ids[base.name] || !containsAll(have, t.nodeReferences(base)) {
			return fmt.Errorf("the node lacks the image %s", base.name)
		}
		if base.node {
			continue
		}
		if err := errors.Join(engineHas(ctx, base, wanted), t.registryHas(ctx, base)); err != nil {
			return err
		}
	}
	return nil
}

func containsAll(have, want []string) bool {
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(have, w) })
}

func ctr(ctx context.Context, args ...string) error {
	_, err := ctrOutput(ctx, args...)
	return err
}

func ctrOutput(ctx context.Context, args ...string) (string, error) {
	// The tool's own words for this are long, and it waits.
	connection, err := (&net.Dialer{}).DialContext(ctx, "unix", containerdSocket)
	if err != nil {
		return "", errors.New("containerd does not answer")
	}
	if err := connection.Close(); err != nil {
		return "", fmt.Errorf("ask containerd: %w", err)
	}
	cmd := exec.CommandContext(ctx, program("ctr"), append([]string{"--address", containerdSocket, "--namespace", "k8s.io"}, args...)...)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(problem.String()))
	}
	return string(out), nil
}
