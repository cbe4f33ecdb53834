// Package control holds the activities that reach other workflows, or wait for what is missing.
package control
