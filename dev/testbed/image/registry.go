package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// Registry is a registry without authentication.
type Registry struct {
	URL    string // without a slash at the end
	Client *http.Client
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Size      int    `json:"size"`
	Digest    string `json:"digest"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

// ImageID returns the ID of the image that a tag of a repository names, or "" when there is none.
func (r Registry) ImageID(ctx context.Context, repository, tag string) (string, error) {
	response, err := r.do(ctx, http.MethodGet, r.URL+"/v2/"+repository+"/manifests/"+tag, manifestType, nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return "", nil
	}
	var m manifest
	if err := json.NewDecoder(response.Body).Decode(&m); err != nil {
		return "", fmt.Errorf("read manifest of %s:%s: %w", repository, tag, err)
	}
	return m.Config.Digest, nil
}

// Push stores the image under a tag of a repository.
func (r Registry) Push(ctx context.Context, i Image, repository, tag string) error {
	m := manifest{SchemaVersion: 2, MediaType: manifestType, Config: descriptor{configType, len(i.Config), i.ID()}}
	blobs := [][]byte{i.Config}
	for _, layer := range i.Layers {
		m.Layers = append(m.Layers, descriptor{layerType, len(layer.Blob), digest(layer.Blob)})
		blobs = append(blobs, layer.Blob)
	}
	for _, blob := range blobs {
		if err := r.pushBlob(ctx, repository, blob); err != nil {
			return fmt.Errorf("push to %s: %w", repository, err)
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	response, err := r.do(ctx, http.MethodPut, r.URL+"/v2/"+repository+"/manifests/"+tag, manifestType, body)
	if err != nil {
		return fmt.Errorf("push to %s: %w", repository, err)
	}
	defer response.Body.Close()
	return expect(response, http.StatusCreated)
}

func (r Registry) pushBlob(ctx context.Context, repository string, blob []byte) error {
	have, err := r.do(ctx, http.MethodHead, r.URL+"/v2/"+repository+"/blobs/"+digest(blob), "", nil)
	if err != nil {
		return err
	}
	have.Body.Close()
	if have.StatusCode == http.StatusOK {
		return nil
	}
	begun, err := r.do(ctx, http.MethodPost, r.URL+"/v2/"+repository+"/blobs/uploads/", "", nil)
	if err != nil {
		return err
	}
	defer begun.Body.Close()
	if err := expect(begun, http.StatusAccepted); err != nil {
		return err
	}
	target, err := begun.Location()
	if err != nil {
		return fmt.Errorf("start upload: %w", err)
	}
	query := target.Query()
	query.Set("digest", digest(blob))
	target.RawQuery = query.Encode()
	put, err := r.do(ctx, http.MethodPut, target.String(), "application/octet-stream", blob)
	if err != nil {
		return err
	}
	defer put.Body.Close()
	return expect(put, http.StatusCreated)
}

// do sends one request. The type is what the body is, or what the answer should be when there is no body.
func (r Registry) do(ctx context.Context, method, target, mediaType string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the registry: %w", err)
	}
	request.Header.Set("Content-Type", mediaType)
	request.Header.Set("Accept", mediaType)
	response, err := r.Client.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // The rest names the address, which is always the same.
	}
	if err != nil {
		return nil, fmt.Errorf("the registry does not answer: %w", err)
	}
	return response, nil
}

func expect(response *http.Response, status int) error {
	if response.StatusCode == status {
		return nil
	}
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 1000)) // only a detail of the error below
	where := &url.URL{Path: response.Request.URL.Path}
	return fmt.Errorf("registry answered %s to %s %s: %s", response.Status, response.Request.Method, where, answer)
}
