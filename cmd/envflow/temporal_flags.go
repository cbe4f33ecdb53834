package main

import (
	"github.com/urfave/cli/v2"
)

// temporalGroup heads the flags of temporalFlagSet in the root's help.
const temporalGroup = "A Temporal of your own, instead of the embedded one"

// temporalFlags is what the command line says about an external Temporal. Its zero value asks for none.
type temporalFlags struct {
	Address   string // host:port
	Namespace string
	Profile   string // of the configuration file that the temporal CLI shares
	APIKey    string
	TLS       temporalTLS
}

// temporalTLS is the TLS part of temporalFlags. Paths are as typed.
type temporalTLS struct {
	// Given reports whether --temporal-tls was there at all. Without it TLS is on if anything else here or an API key
	// asks for it; with it Enabled decides, also to switch off.
	Given   bool
	Enabled bool

	CAPath, CertPath, KeyPath string
	ServerName                string
	DisableHostVerification   bool
}

// temporalFlagSet declares the flags of temporalFlags. Apart from the prefix they are named as in the temporal CLI.
// Only the API key has an environment variable, because a command line can be read in the process list.
func temporalFlagSet() []cli.Flag {
	text := func(name, usage string, env ...string) cli.Flag {
		return &cli.StringFlag{Name: "temporal-" + name, Usage: usage, EnvVars: env, Category: temporalGroup}
	}
	onOff := func(name, usage string) cli.Flag {
		return &cli.BoolFlag{Name: "temporal-" + name, Usage: usage, Category: temporalGroup}
	}
	return []cli.Flag{
		text("address", "use the Temporal at `HOST:PORT`"),
		text("profile", "use the Temporal of the profile `NAME` in the temporal CLI's configuration file"),
		text("namespace", "work in the Temporal namespace `NAME`"),
		text("api-key", "log in with the API key `KEY`", "ENVFLOW_TEMPORAL_API_KEY"),
		onOff("tls", "use TLS; on by itself with an API key or another TLS flag, =false switches it off"),
		text("tls-ca-path", "trust the certificate authority in `FILE`"),
		text("tls-cert-path", "log in with the client certificate in `FILE`"),
		text("tls-key-path", "log in with the private key in `FILE`"),
		text("tls-server-name", "expect `NAME` in the server's certificate"),
		onOff("tls-disable-host-verification", "accept a certificate for another name"),
	}
}

// temporalFlagsOf returns the values of temporalFlagSet, from any command. checkTemporal finds those that make no sense.
func temporalFlagsOf(c *cli.Context) temporalFlags {
	return temporalFlags{
		Address:   c.String("temporal-address"),
		Namespace: c.String("temporal-namespace"),
		Profile:   c.String("temporal-profile"),
		APIKey:    c.String("temporal-api-key"),
		TLS: temporalTLS{
			Given:                   c.IsSet("temporal-tls"),
			Enabled:                 c.Bool("temporal-tls"),
			CAPath:                  c.String("temporal-tls-ca-path"),
			CertPath:                c.String("temporal-tls-cert-path"),
			KeyPath:                 c.String("temporal-tls-key-path"),
			ServerName:              c.String("temporal-tls-server-name"),
			DisableHostVerification: c.Bool("temporal-tls-disable-host-verification"),
		},
	}
}

// External reports whether the flags ask for an external Temporal by naming it.
func (f temporalFlags) External() bool { return f.Address != "" || f.Profile != "" }

// checkTemporal returns the error for flags that would have no effect: whoever names a namespace or a key without a
// Temporal would else work on the embedded one without noticing.
func (e *environ) checkTemporal(c *cli.Context) error {
	f := temporalFlagsOf(c)
	if (f.TLS.CertPath == "") != (f.TLS.KeyPath == "") {
		return usageFault("give both", "--temporal-tls-cert-path and --temporal-tls-key-path need each other")
	}
	if f.External() || e.env("ENVFLOW_TEMPORAL") == "env" {
		return nil
	}
	for _, flag := range temporalFlagSet() {
		if name := flag.Names()[0]; e.line.given(name) {
			return usageFault("add --temporal-address HOST:PORT, --temporal-profile NAME or ENVFLOW_TEMPORAL=env",
				"--%s is for a Temporal of your own, and nothing says which", name)
		}
	}
	return nil
}
