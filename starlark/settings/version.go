package settings

import (
	"fmt"

	"github.com/Masterminds/semver/v3"
	gostarlark "go.starlark.net/starlark"

	"github.com/envflow/envflow/starlark/kit"
)

// TiltVersion is the version of Tilt whose language this is: what a Tiltfile asks for is a version of Tilt.
const TiltVersion = "0.37.6"

// versionSettings refuses to go on if the Tiltfile needs another version. check_updates is Tilt's; envflow looks for none.
func (f *Family) versionSettings(c *kit.Call) (gostarlark.Value, error) {
	var updates kit.OptBool
	var constraint kit.Str
	if err := c.Unpack("check_updates?", &updates, "constraint??", &constraint); err != nil {
		return nil, err
	}
	if constraint == "" {
		return nil, nil
	}
	wanted, err := semver.NewConstraint(string(constraint))
	if err != nil {
		return nil, fmt.Errorf("constraint: %q is not one of semantic versions, such as '>=0.30.0'", string(constraint))
	}
	if !wanted.Check(semver.MustParse(TiltVersion)) {
		return nil, kit.Hint(fmt.Errorf("the Tiltfile needs Tilt %s, and this envflow has the language of Tilt %s", constraint, TiltVersion),
			"upgrade envflow, or change the constraint")
	}
	return nil, nil
}
