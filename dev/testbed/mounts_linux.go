package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// shareMounts makes mounts propagate from the root folder, which the kubelet needs for volumes.
func (t *testbed) shareMounts() error {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("read mounts: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) > 6 && fields[4] == "/" && strings.HasPrefix(fields[6], "shared:") {
			return nil
		}
	}
	t.say("share", "mounts below / (mount --make-rshared /)")
	if err := syscall.Mount("", "/", "", syscall.MS_SHARED|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("share mounts below /: %w", err)
	}
	return nil
}

// unmountBelow unmounts everything at or below the folders, the latest first.
func unmountBelow(dirs ...string) error {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("read mounts: %w", err)
	}
	points := mountPoints(string(content))
	slices.Reverse(points)
	var errs []error
	for _, point := range points {
		below := slices.ContainsFunc(dirs, func(dir string) bool { return point == dir || strings.HasPrefix(point, dir+"/") })
		if !below {
			continue
		}
		// EINVAL: it went together with another that it was propagated from.
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
			errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}
