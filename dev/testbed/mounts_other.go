//go:build !linux

package main

func (t *testbed) shareMounts() error { return errCannotRun }

func unmountBelow(...string) error { return errCannotRun }
