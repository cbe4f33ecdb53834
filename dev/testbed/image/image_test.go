package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"testing"
)

func example(t *testing.T) Image {
	t.Helper()
	tree := Tree{}
	tree.Text("/etc/motd", "hello\n")
	tree.File("bin/tool", 0o755, []byte("x"))
	tree.Link("bin/other", "tool")
	tree.Link("bin/tool", "never") // A file that is there stays.
	tree.Dir("tmp", 0o1777)
	layer, err := tree.Layer()
	if err != nil {
		t.Fatal(err)
	}
	built, err := New(Settings{Cmd: []string{"/bin/tool"}}, layer)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func TestImage_IsTheSameForTheSameFiles(t *testing.T) {
	t.Parallel()
	if one, two := example(t), example(t); one.ID() != two.ID() || !bytes.Equal(one.Layers[0].Blob, two.Layers[0].Blob) {
		t.Error("two images of the same files differ")
	}
}

func TestLayer_NamesEveryFolder(t *testing.T) {
	t.Parallel()
	content, err := gzip.NewReader(bytes.NewReader(example(t).Layers[0].Blob))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for members := tar.NewReader(content); ; {
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	if want := []string{"bin/", "bin/other", "bin/tool", "etc/", "etc/motd", "tmp/"}; !slices.Equal(names, want) {
		t.Errorf("the layer holds %v, want %v", names, want)
	}
}

func TestReadArchive_ReturnsWhatWriteArchiveWrote(t *testing.T) {
	t.Parallel()
	want := example(t)
	var archive bytes.Buffer
	if err := want.WriteArchive(&archive, "example:1"); err != nil {
		t.Fatal(err)
	}
	got, err := ReadArchive(&archive)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID() != want.ID() || len(got.Layers) != 1 || got.Layers[0].DiffID != want.Layers[0].DiffID || !bytes.Equal(got.Layers[0].Blob, want.Layers[0].Blob) {
		t.Error("the image that was read is another")
	}
}

func TestAddTar_KeepsWhatIsWanted(t *testing.T) {
	t.Parallel()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, header := range []*tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./bin/sh", Typeflag: tar.TypeSymlink, Linkname: "dash"},
		{Name: "./usr/share/doc", Typeflag: tar.TypeReg},
	} {
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tree := Tree{}
	if err := tree.AddTar(&archive, func(name string) bool { return name != "usr/share/doc" }); err != nil {
		t.Fatal(err)
	}
	if len(tree) != 2 || tree["bin/sh"].Link != "dash" || !tree["bin"].Dir {
		t.Errorf("the tree is %v", tree)
	}
}
