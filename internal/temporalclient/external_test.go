package temporalclient

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/envflow/envflow/internal/fault"
)

// variables is an environment.
type variables map[string]string

func (v variables) LookupEnv(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

func (v variables) Environ() (all []string) {
	for name, value := range v {
		all = append(all, name+"="+value)
	}
	return all
}

// env makes an environment of NAME, value, ...
func env(pairs ...string) variables {
	v := variables{}
	for i := 0; i < len(pairs); i += 2 {
		v[pairs[i]] = pairs[i+1]
	}
	return v
}

func TestExternal_Options(t *testing.T) {
	t.Parallel()
	config := t.TempDir()
	file := filepath.Join(config, "temporal.toml")
	profiles := `
[profile.default]
address = "default:1"
[profile.work]
address = "work:1"
namespace = "there"
[profile.empty]
namespace = "there"
`
	if err := os.WriteFile(file, []byte(profiles), 0o600); err != nil {
		t.Fatal(err)
	}
	theirs := []string{"TEMPORAL_CONFIG_FILE", file, "TEMPORAL_ADDRESS", "variable:1", "TEMPORAL_NAMESPACE", "variable"}
	for name, test := range map[string]struct {
		in                 External
		env                []string
		address, namespace string
		tls                bool
	}{
		"an address reads nothing else":     {External{Address: "flag:1"}, theirs, "flag:1", "default", false},
		"variables when asked":              {External{UseEnv: true}, theirs, "variable:1", "variable", false},
		"flags over variables":              {External{UseEnv: true, Address: "flag:1", Namespace: "flag"}, theirs, "flag:1", "flag", false},
		"the default profile when asked":    {External{UseEnv: true}, theirs[:2], "default:1", "default", false},
		"a profile without variables":       {External{Profile: "work"}, theirs, "work:1", "there", false},
		"variables over a profile":          {External{Profile: "work", UseEnv: true}, theirs, "variable:1", "variable", false},
		"an address over a profile's":       {External{Profile: "empty", Address: "flag:1"}, theirs, "flag:1", "there", false},
		"a key means TLS":                   {External{Address: "flag:1", APIKey: "k"}, nil, "flag:1", "default", true},
		"TLS when said":                     {External{Address: "flag:1", TLS: TLS{Set: true, Enabled: true}}, nil, "flag:1", "default", true},
		"TLS by any of its settings":        {External{Address: "flag:1", TLS: TLS{ServerName: "n"}}, nil, "flag:1", "default", true},
		"no TLS when said, even with a key": {External{Address: "flag:1", APIKey: "k", TLS: TLS{Set: true}}, nil, "flag:1", "default", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.in.options(env(test.env...))
			if err != nil {
				t.Fatal(err)
			}
			tls := got.ConnectionOptions.TLS != nil && !got.ConnectionOptions.TLSDisabled
			if got.HostPort != test.address || got.Namespace != test.namespace || tls != test.tls {
				t.Errorf("got %s, namespace %s, TLS %v; want %+v", got.HostPort, got.Namespace, tls, test)
			}
		})
	}
}

func TestExternal_WrongSettings(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	for name, x := range map[string]External{
		"no address":         {UseEnv: true},
		"no such profile":    {Profile: "nix"},
		"no such CA":         {Address: "a:1", TLS: TLS{CAPath: none}},
		"no such client key": {Address: "a:1", TLS: TLS{CertPath: none, KeyPath: none}},
	} {
		_, err := x.options(env("TEMPORAL_CONFIG_FILE", none))
		if fault.KindOf(err) != fault.Config {
			t.Errorf("%s: %v, want an error of configuration", name, err)
		}
	}
}

func TestExternal_Wanted(t *testing.T) {
	t.Parallel()
	for want, all := range map[bool][]External{
		true:  {{Address: "a:1"}, {Profile: "p"}, {UseEnv: true}},
		false: {{}, {Namespace: "n"}, {APIKey: "k"}},
	} {
		for _, x := range all {
			if x.Wanted() != want {
				t.Errorf("%+v: wanted is %v", x, !want)
			}
		}
	}
}
