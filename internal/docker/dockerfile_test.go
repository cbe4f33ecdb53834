package docker

import (
	"slices"
	"strings"
	"testing"
)

func TestBaseRefs(t *testing.T) {
	t.Parallel()
	text := `# syntax=docker/dockerfile:1
ARG REPO=base
ARG TAG=${VERSION:-1}
FROM ${REPO}:$TAG AS one
ARG REPO=changed
FROM --platform=linux/amd64 one AS Two
COPY --from=one /a /a
COPY --from=0 /a /a
COPY --from=other/image:2 --chown=1 /b /b
FROM scratch
COPY --from=two /a /a
COPY --from=other/image:2 /c /c
FROM $REPO
`
	if got, want := BaseRefs(text, nil), []string{"base:1", "other/image:2", "base"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := BaseRefs(text, map[string]string{"REPO": "mine", "UNKNOWN": "x"}), []string{"mine:1", "other/image:2", "mine"}; !slices.Equal(got, want) {
		t.Errorf("with an argument: got %q, want %q", got, want)
	}
	for _, text := range []string{"", "FROM", "no dockerfile", "RUN x"} {
		if got := BaseRefs(text, nil); got != nil {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestReplace_KeepsEachLineOnItsNumber(t *testing.T) {
	t.Parallel()
	refs := map[string]string{"base": "reg:5000/base:tilt-1", "docker.io/library/tagged:1": "reg:5000/tagged:tilt-2"}
	for _, test := range []struct{ text, want string }{
		{"FROM base\nRUN echo base\n", "FROM reg:5000/base:tilt-1\nRUN echo base\n"},
		{"from  base:dev AS base\r\nFROM base\n", "from  reg:5000/base:tilt-1 AS base\r\nFROM base\n"},
		{"FROM base@sha256:" + strings.Repeat("a", 64), "FROM reg:5000/base:tilt-1"},
		{"FROM --platform=x \\\n  base \\\n  AS a\n", "FROM --platform=x \\\n  reg:5000/base:tilt-1 \\\n  AS a\n"},
		{"FROM \\\nbase\n", "FROM \\\nreg:5000/base:tilt-1\n"},
		{"FROM tagged:1\nFROM tagged:2\nFROM tagged\n", "FROM reg:5000/tagged:tilt-2\nFROM tagged:2\nFROM tagged\n"},
		{"ARG A=base\nFROM $A\nCOPY --chown=1 --from=base /base /base\n", "ARG A=base\nFROM reg:5000/base:tilt-1\nCOPY --chown=1 --from=reg:5000/base:tilt-1 /base /base\n"},
		{"FROM other/base\nFROM basement\n", "FROM other/base\nFROM basement\n"},
		{"no dockerfile base", "no dockerfile base"},
	} {
		got, replaced := readDockerfile(test.text, nil).replace(refs)
		if got != test.want || replaced != (test.want != test.text) {
			t.Errorf("%q became %q (%v), want %q", test.text, got, replaced, test.want)
		}
	}
}

func TestStepLine(t *testing.T) {
	t.Parallel()
	single := readDockerfile("FROM a\nENV X=1\nRUN one\nCOPY x y\nRUN <<EOF\none\nEOF\n", nil)
	multi := readDockerfile("FROM a AS build\nRUN one\nFROM build\nRUN two\nFROM scratch\nCOPY --from=build /x /\nWORKDIR /w\n", nil)
	for _, test := range []struct {
		file *dockerfile
		step string
		want int
	}{
		{single, "[1/4] FROM docker.io/library/a", 1},
		{single, "[2/4] RUN one", 3},
		{single, "[4/4] RUN <<EOF (one)", 5},
		{single, "[2/6] ONBUILD RUN theirs", 1},
		{single, "[linux/arm64 3/4] COPY x y", 4},
		{single, "[internal] load metadata for docker.io/library/a:latest", 1},
		{single, "exporting to image", 0},
		{single, "[9/4] RUN one", 0},
		{multi, "[build 2/2] RUN one", 2},
		{multi, "[linux/amd64 build 2/2] RUN one", 2},
		{multi, "[stage-1 1/1] RUN two", 4},
		{multi, "[stage-2 1/2] COPY --from=build /x /", 6},
		{multi, "[stage-2 2/2] WORKDIR /w", 7},
	} {
		if got := test.file.stepLine(test.step); got != test.want {
			t.Errorf("%s: line %d, want %d", test.step, got, test.want)
		}
	}
}

func TestOutput_CutsLines(t *testing.T) {
	t.Parallel()
	var got []string
	o := newOutput(func(line string) { got = append(got, line) })
	o.write("a", "[1/2] RUN a", []byte("one\ntw"))
	o.write("b", "[2/2] RUN b", []byte("10%\r50%\r100%\r\nother\n"))
	o.write("a", "[1/2] RUN a", []byte("o\nthree"))
	o.flush()
	want := []string{"[1/2] RUN a", "one", "[2/2] RUN b", "100%", "other", "[1/2] RUN a", "two", "three"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range 100 {
		o.write("a", "", []byte("x\n"))
	}
	if kept := o.kept("a"); len(kept) != keptLines {
		t.Errorf("%d lines are kept", len(kept))
	}
	got = nil
	o.write("a", "", []byte(strings.Repeat("y", 3*maxLine)))
	o.flush()
	if len(got) != 3 {
		t.Errorf("a long line came in %d pieces", len(got))
	}
}
