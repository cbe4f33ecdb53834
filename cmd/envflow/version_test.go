package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/internal/version"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"version", "--version", "-v --version", "--version version", "--version completion bash"} {
		got := runCLI(t, strings.Fields(line))
		if got.Code != 0 || got.Stderr != "" || !strings.HasPrefix(got.Stdout, "envflow ") || strings.Count(got.Stdout, "\n") != 1 {
			t.Errorf("%s: %+v", line, got)
		}
	}
	for _, line := range []string{"version -o json", "-o json version", "--version -o json", "-ojson --version"} {
		got := runCLI(t, strings.Fields(line))
		var info version.Info
		if err := json.Unmarshal([]byte(got.Stdout), &info); err != nil || got.Code != 0 {
			t.Fatalf("%s: %+v, %v", line, got, err)
		}
		if diff := cmp.Diff(version.Get(), info); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
	// Nothing is printed on stdout when -o json goes wrong.
	want := outcome{Code: 2, Stderr: "Error: \"envflow version\" takes no arguments, but there is \"x\"\nHint: run `envflow help version`\n"}
	if diff := cmp.Diff(want, runCLI(t, []string{"version", "x", "-o", "json"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
