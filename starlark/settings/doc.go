// Package settings is the family of builtins that set something for the whole environment: update_settings, trigger_mode.
package settings
