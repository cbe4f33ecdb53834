package starlark_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/envflow/envflow/internal/plan"
)

// The commands of an environment run with what the Tiltfile did to the variables.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	for tiltfile, want := range map[string]plan.Settings{
		"": {},
		"os.putenv('A', '1')\nos.environ['B'] = blob('2')\nos.unsetenv('HOME')":                                          {Env: map[string]string{"A": "1", "B": "2"}, Unset: []string{"HOME"}},
		"os.putenv('HOME', '/x')\nos.environ.pop('KEEP')":                                                                {Env: map[string]string{"HOME": "/x"}, Unset: []string{"KEEP"}},
		"os.unsetenv('HOME')\nos.putenv('HOME', '/nowhere')\nos.putenv('A', '1')\nos.unsetenv('A')\nos.unsetenv('GONE')": {},
		"os.putenv('A', '')\nexit()": {Env: map[string]string{"A": ""}},
		"include('a.star')":          {Env: map[string]string{"A": "1"}},
	} {
		p := newProject(t, tiltfile+"\n-- a.star --\nos.putenv('A', '1')\n")
		p.opts.Environ = append(p.opts.Environ, "KEEP=a=b")
		if got := p.plan().Settings; !reflect.DeepEqual(got.Env, want.Env) || !slices.Equal(got.Unset, want.Unset) {
			t.Errorf("%s: got %v without %v", tiltfile, got.Env, got.Unset)
		}
	}
}
