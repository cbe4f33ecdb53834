package image

import (
	"context"
	"strings"
	"time"

	"github.com/envflow/envflow/internal/docker"
	"github.com/envflow/envflow/internal/records"
)

// inputTag begins the tags by which an image is found from its input digest when the records are lost. They never leave this
// machine. A label would leave it, and be part of the image's ID: two builds that come to the same image would differ by what
// they were built from, and pods be started anew for nothing.
const inputTag = "envflow-in-"

func (b *build) inputName() string {
	name := repository(b.image.Ref) + ":" + inputTag + b.digest
	if platform := docker.Platform(b.image, b.Lookup, b.target.Platform); platform != "" { // another cluster may want another one
		name += "-" + strings.ReplaceAll(platform, "/", "-")
	}
	return name
}

// keepInput makes the engine remember what a new image was built from. What nobody knows for sure is not to be found again.
func (b *build) keepInput(ctx context.Context, record records.Image) error {
	if len(record.Unsure) > 0 {
		return b.engine.RemoveImage(ctx, b.inputName()) // of a build before this one
	}
	return b.engine.Tag(ctx, record.ImageID, b.inputName())
}

// winBack looks in the engine for an image of the same input of which there is no record.
func (b *build) winBack(ctx context.Context) (record records.Image, ok bool, err error) {
	id, ok, err := b.engine.ImageID(ctx, b.inputName())
	if err != nil || !ok {
		return record, false, err
	}
	push, cluster, err := b.names(id)
	if err != nil {
		return record, false, err
	}
	if err := b.engine.Tag(ctx, id, push); err != nil { // somebody may have removed it
		return record, false, err
	}
	record = records.Image{
		Ref: b.image.Ref, InputDigest: b.digest, ImageID: id, Tag: push, ClusterRef: cluster,
		Files: b.tree, WonBack: true, Built: time.Now(),
	}
	return record, true, b.Records.PutImage(ctx, record)
}

// isOld is true if a build has come to an image that the engine had before, though no record has it: containers of it may run
// into which files were synced that nobody remembers.
func (b *build) isOld(ctx context.Context, push, cluster string) (bool, error) {
	if len(b.image.LiveUpdate) == 0 {
		return false, nil
	}
	_, had, err := b.engine.ImageID(ctx, push)
	if err != nil || !had {
		return false, err
	}
	record, known, err := b.Records.ImageByClusterRef(ctx, cluster)
	return !known || record.WonBack, err
}
