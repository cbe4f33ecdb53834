// Package config is the family of builtins of the config module: arguments that a Tiltfile defines, tilt_config.json, and which
// resources are enabled.
package config
