// Package selftest holds the activity of `envflow selftest`. It touches nothing and needs no client; package worker
// registers it. Its methods are safe for concurrent use.
package selftest

import (
	"context"
	"os"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/envflow/envflow/internal/api"
)

// Activities are the selftest's activities. The zero value is ready for use.
type Activities struct{}

// Probe says who runs it. It never fails.
func (Activities) Probe(ctx context.Context, in api.SelftestIn) (api.SelftestOut, error) {
	return api.SelftestOut{
		Nonce:    in.Nonce,
		PID:      os.Getpid(),
		Started:  time.Now().UTC(),
		Attempts: activity.GetInfo(ctx).Attempt,
	}, nil
}
