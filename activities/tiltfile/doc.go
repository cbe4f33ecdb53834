// Package tiltfile holds the activity that evaluates the Tiltfile.
package tiltfile
