package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// Image is an image with everything in memory.
type Image struct {
	Config []byte
	Layers []Layer
}

// Settings are what an image says about how to run it.
type Settings struct {
	Env          []string            `json:"Env,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	User         string              `json:"User,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	StopSignal   string              `json:"StopSignal,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
}

// New returns an image of the given layers, the lowest first.
func New(settings Settings, layers ...Layer) (Image, error) {
	diffs := make([]string, len(layers))
	for i, layer := range layers {
		diffs[i] = layer.DiffID
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"created":      time.Unix(0, 0).UTC(),
		"config":       settings,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		return Image{}, fmt.Errorf("encode image configuration: %w", err)
	}
	return Image{Config: config, Layers: layers}, nil
}

// ID returns the digest of the configuration, by which engines know the image.
func (i Image) ID() string { return digest(i.Config) }

// WriteArchive writes the image in the format of `docker save`, which Docker and containerd load, under the given
// references.
func (i Image) WriteArchive(w io.Writer, references ...string) error {
	archive := tar.NewWriter(w)
	configName := strings.TrimPrefix(i.ID(), "sha256:") + ".json"
	layerNames := make([]string, len(i.Layers))
	for n, layer := range i.Layers {
		layerNames[n] = strings.TrimPrefix(layer.DiffID, "sha256:") + ".tar.gz"
	}
	manifest, err := json.Marshal([]any{map[string]any{"Config": configName, "RepoTags": references, "Layers": layerNames}})
	if err != nil {
		return fmt.Errorf("encode image archive: %w", err)
	}
	write := func(name string, body []byte) {
		err = errors.Join(err, archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body)), Typeflag: tar.TypeReg}))
		if err == nil {
			_, err = archive.Write(body)
		}
	}
	write(configName, i.Config)
	for n, layer := range i.Layers {
		write(layerNames[n], layer.Blob)
	}
	write("manifest.json", manifest)
	if err := errors.Join(err, archive.Close()); err != nil {
		return fmt.Errorf("write image archive: %w", err)
	}
	return nil
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ReadArchive reads what WriteArchive wrote.
func ReadArchive(r io.Reader) (Image, error) {
	files := map[string][]byte{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Image{}, fmt.Errorf("read image archive: %w", err)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			return Image{}, fmt.Errorf("read %s of image archive: %w", header.Name, err)
		}
	}
	var manifests []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifests); err != nil || len(manifests) != 1 {
		return Image{}, fmt.Errorf("read manifest of image archive: %d images: %w", len(manifests), err)
	}
	i := Image{Config: files[manifests[0].Config]}
	for _, name := range manifests[0].Layers {
		i.Layers = append(i.Layers, Layer{Blob: files[name], DiffID: "sha256:" + strings.TrimSuffix(name, ".tar.gz")})
	}
	return i, nil
}
