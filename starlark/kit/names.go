package kit

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/envflow/envflow/internal/plan"
)

// tiltfileName is how the log of the Tiltfile itself is called, and what is triggered to evaluate it again.
const tiltfileName = "(Tiltfile)"

// ValidName refuses what a Tiltfile cannot call a resource.
func ValidName(name string) error {
	if name == plan.Uncategorized {
		return fmt.Errorf("the name %s is that of the Kubernetes objects that belong to no resource", name)
	}
	return wellFormed(name)
}

// wellFormed refuses what cannot be one element of a path: names are part of the paths of logs and addresses, as in Tilt.
func wellFormed(name string) error {
	if name == "" {
		return errors.New("the name is empty")
	}
	if problems := content.IsPathSegmentName(name); len(problems) > 0 {
		return fmt.Errorf("%q cannot be the name of a resource: it %s", name, strings.Join(problems, ", and "))
	}
	if name == tiltfileName {
		return fmt.Errorf("the name %s is that of the Tiltfile's own log", name)
	}
	return nil
}

// Claim takes the name of a resource: no two have the same, of whatever kind. trace is the call that defines it, for messages.
func (r *Run) Claim(name string, trace Trace) error {
	if err := wellFormed(name); err != nil {
		return err
	}
	if err := r.unclaimed(name); err != nil {
		return err
	}
	r.origins[name] = trace
	return nil
}

// CheckName refuses what a Tiltfile cannot call a resource, and a name that is claimed.
func (r *Run) CheckName(name string) error {
	if err := ValidName(name); err != nil {
		return err
	}
	return r.unclaimed(name)
}

// unclaimed refuses a name that is claimed, and says where.
func (r *Run) unclaimed(name string) error {
	first, ok := r.origins[name]
	if !ok {
		return nil
	}
	err := fmt.Errorf("there is a resource %s already", name)
	if len(first) > 0 {
		err = fmt.Errorf("%w; it is defined at %s:%d", err, r.Display(first[0].File), first[0].Line)
	}
	return err
}
