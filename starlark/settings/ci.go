package settings

import (
	"fmt"
	"time"

	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

// Defaults of Tilt for a run that ends by itself.
const (
	ciTimeout          = 30 * time.Minute
	ciReadinessTimeout = 5 * time.Minute
)

func (f *Family) ciSettings(c *kit.Call) (gostarlark.Value, error) {
	ci := &f.run.Plan.Settings.CI
	grace, timeout, readiness := duration{into: &ci.GracePeriod}, duration{into: &ci.Timeout}, duration{into: &ci.ReadinessTimeout}
	if err := c.Unpack("k8s_grace_period?", &grace, "timeout?", &timeout, "readiness_timeout?", &readiness); err != nil {
		return nil, err
	}
	for _, d := range []duration{grace, timeout, readiness} {
		if d.given {
			*d.into = d.seconds
		}
	}
	return nil, nil
}

// duration takes a text such as '10m' or '1h30m'. None means not given.
type duration struct {
	into    *float64
	given   bool
	seconds float64
}

// Unpack implements starlark.Unpacker.
func (d *duration) Unpack(v gostarlark.Value) error {
	if v == gostarlark.None {
		return nil
	}
	text, ok := kit.Text(v)
	if !ok {
		return fmt.Errorf("got %s, want a duration as a string, such as '10m'", v.Type())
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is not a duration, such as '30s', '10m' or '1h30m'", text)
	}
	d.given, d.seconds = true, parsed.Seconds()
	return nil
}
