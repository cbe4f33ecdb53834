package temporalclient

import (
	"context"
	"errors"
	"log/slog"

	"go.temporal.io/api/serviceerror"
	sdkclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"

	"github.com/envflow/envflow/internal/fault"
)

// External names a Temporal that is not ours. What is set here wins over the environment, which wins over the profile.
type External struct {
	Address   string // host:port
	Namespace string
	Profile   string // of the configuration file of Temporal's own tools
	APIKey    string
	UseEnv    bool // also read TEMPORAL_* variables and the default profile
	TLS       TLS
}

// TLS are the TLS settings of an External. The zero value leaves them to the environment and the profile.
type TLS struct {
	Set, Enabled              bool // Set: somebody said whether to use TLS; Enabled: what they said
	CAPath, CertPath, KeyPath string
	ServerName                string
	DisableHostVerification   bool
}

// Wanted reports whether anything asks for an external Temporal. Variables such as TEMPORAL_ADDRESS alone do not: people
// have them set for their own product.
func (x External) Wanted() bool { return x.Address != "" || x.Profile != "" || x.UseEnv }

// DialExternal connects to the Temporal that x names. env reads environment variables. The options say what came of it.
func DialExternal(ctx context.Context, x External, env envconfig.EnvLookup, log *slog.Logger) (c sdkclient.Client, options sdkclient.Options, err error) {
	options, err = x.options(env)
	if err != nil {
		return nil, options, err
	}
	options.Logger = sdklog.NewStructuredLogger(log)
	c, err = sdkclient.DialContext(ctx, options)
	var denied *serviceerror.PermissionDenied
	switch {
	case errors.As(err, &denied):
		return nil, options, fault.Wrap(err, fault.Missing, "check the API key or the client certificate", "Temporal at %s refuses these credentials", options.HostPort)
	case err != nil:
		return nil, options, fault.Wrap(err, fault.Missing, "check the address, and whether it wants TLS", "Temporal at %s does not answer", options.HostPort)
	}
	return c, options, nil
}

// options merges profile, environment and flags.
func (x External) options(env envconfig.EnvLookup) (sdkclient.Options, error) {
	profile, err := x.profile(env)
	if err != nil {
		return sdkclient.Options{}, err
	}
	if x.Address != "" {
		profile.Address = x.Address
	}
	if x.Namespace != "" {
		profile.Namespace = x.Namespace
	}
	if x.APIKey != "" {
		profile.APIKey = x.APIKey
	}
	if profile.Address == "" {
		return sdkclient.Options{}, fault.New(fault.Config, "add --temporal-address HOST:PORT", "an external Temporal was asked for, but nothing says where it is")
	}
	if profile.Namespace == "" {
		profile.Namespace = sdkclient.DefaultNamespace
	}
	x.TLS.merge(&profile)
	options, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		return sdkclient.Options{}, fault.Wrap(err, fault.Config, "check the --temporal-tls flags, the profile and the TEMPORAL_* variables",
			"the settings for Temporal at %s are wrong", profile.Address)
	}
	return options, nil
}

// profile reads the configuration file and the environment, as far as they count. Without being asked for they do not:
// --temporal-address alone must not pick up an API key that is meant for another server.
func (x External) profile(env envconfig.EnvLookup) (envconfig.ClientConfigProfile, error) {
	if x.Profile == "" && !x.UseEnv {
		return envconfig.ClientConfigProfile{}, nil
	}
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{
		ConfigFileProfile: x.Profile, DisableEnv: !x.UseEnv, EnvLookup: env,
	})
	if err == nil {
		return profile, nil
	}
	name := x.Profile
	if name == "" {
		name = "default"
	}
	return profile, fault.Wrap(err, fault.Config, "run `temporal config list` to see the profiles", "the Temporal profile %q cannot be read", name)
}

// merge puts the flags over what profile and environment say.
func (t TLS) merge(profile *envconfig.ClientConfigProfile) {
	if t == (TLS{}) {
		return
	}
	if profile.TLS == nil {
		profile.TLS = &envconfig.ClientConfigTLS{}
	}
	to := profile.TLS
	if t.Set {
		to.Disabled = !t.Enabled
	}
	if t.CAPath != "" {
		to.ServerCACertPath, to.ServerCACertData = t.CAPath, nil
	}
	if t.CertPath != "" {
		to.ClientCertPath, to.ClientCertData = t.CertPath, nil
		to.ClientKeyPath, to.ClientKeyData = t.KeyPath, nil
	}
	if t.ServerName != "" {
		to.ServerName = t.ServerName
	}
	if t.DisableHostVerification {
		to.DisableHostVerification = true
	}
}
