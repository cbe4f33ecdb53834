package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

func TestTemporalFlags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		args     []string
		env      []string
		want     temporalFlags
		external bool
		err      string
	}{
		{name: "none", args: []string{"go"}},
		{
			name: "all",
			args: []string{
				"--temporal-address", "t.example:7233", "go", "--temporal-namespace=n", "--temporal-profile", "p", "--temporal-api-key", "k",
				"--temporal-tls", "--temporal-tls-ca-path", "ca", "--temporal-tls-cert-path", "c", "--temporal-tls-key-path", "key",
				"--temporal-tls-server-name", "s", "--temporal-tls-disable-host-verification",
			},
			want: temporalFlags{
				Address: "t.example:7233", Namespace: "n", Profile: "p", APIKey: "k",
				TLS: temporalTLS{
					Given: true, Enabled: true, CAPath: "ca", CertPath: "c", KeyPath: "key", ServerName: "s", DisableHostVerification: true,
				},
			},
			external: true,
		},
		{
			name: "profile without TLS", args: []string{"go", "--temporal-profile=p", "--temporal-tls=false"},
			want: temporalFlags{Profile: "p", TLS: temporalTLS{Given: true}}, external: true,
		},
		{
			name: "key from the environment", args: []string{"go", "--temporal-address=a:1"}, env: []string{"ENVFLOW_TEMPORAL_API_KEY=k"},
			want: temporalFlags{Address: "a:1", APIKey: "k"}, external: true,
		},
		{
			name: "a key in the environment alone asks for nothing", args: []string{"go"}, env: []string{"ENVFLOW_TEMPORAL_API_KEY=k"},
			want: temporalFlags{APIKey: "k"},
		},
		{
			name: "other people's variables", args: []string{"go"}, env: []string{"TEMPORAL_ADDRESS=a:1", "TEMPORAL_API_KEY=k"},
		},
		{
			name: "namespace of nothing", args: []string{"go", "--temporal-namespace=n"}, want: temporalFlags{Namespace: "n"},
			err: "--temporal-namespace is for a Temporal of your own, and nothing says which",
		},
		{
			name: "namespace with ENVFLOW_TEMPORAL", args: []string{"go", "--temporal-namespace=n"}, env: []string{"ENVFLOW_TEMPORAL=env"},
			want: temporalFlags{Namespace: "n"},
		},
		{
			name: "certificate without key", args: []string{"go", "--temporal-address=a:1", "--temporal-tls-cert-path=c"},
			want: temporalFlags{Address: "a:1", TLS: temporalTLS{CertPath: "c"}}, external: true,
			err: "--temporal-tls-cert-path and --temporal-tls-key-path need each other",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, _, stderr := testEnviron(tt.args, tt.env...)
			var got temporalFlags
			tree := []*cli.Command{{Name: "go", Usage: "go", Action: func(c *cli.Context) error {
				got = temporalFlagsOf(c)
				return e.checkTemporal(c)
			}}}
			code := runTree(t.Context(), e, tree)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("flags (-want +got):\n%s", diff)
			}
			if got.External() != tt.external {
				t.Errorf("External() = %v", got.External())
			}
			if tt.err == "" && code != 0 || tt.err != "" && (code != 2 || firstLine(stderr.String()) != "Error: "+tt.err) {
				t.Errorf("exit code %d, stderr %q", code, stderr)
			}
		})
	}
}

func TestTemporalHint(t *testing.T) {
	t.Parallel()
	const want = "Hint: add --temporal-address HOST:PORT, --temporal-profile NAME or ENVFLOW_TEMPORAL=env"
	e, _, stderr := testEnviron([]string{"go", "--temporal-tls"})
	tree := []*cli.Command{{Name: "go", Usage: "go", Action: e.checkTemporal}}
	runTree(t.Context(), e, tree)
	if got := lastLine(stderr.String()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	e, _, stderr = testEnviron([]string{"go", "--temporal-tls-key-path=k"})
	tree[0].Action = e.checkTemporal
	runTree(t.Context(), e, tree)
	if got, want := lastLine(stderr.String()), "Hint: give both"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
