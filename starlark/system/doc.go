// Package system is the family of builtins about this machine: local, os, sys and shlex.
package system
