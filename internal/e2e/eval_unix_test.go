//go:build unix

package e2e_test

import (
	"fmt"
	"testing"
)

// `eval --diff` evaluates with what the running environment was given, so that nothing seems to change that does not.
func TestEval_DiffAgainstWhatRuns(t *testing.T) {
	const tiltfile = `
config.define_string_list('names', args=True)
config.define_string('who')
cfg = config.parse()
config.set_enabled_resources(cfg.get('names', []))
os.putenv('WHO', cfg['who'])
local_resource('greet', 'echo hello ' + cfg['who'])
local_resource('web', serve_cmd=[SERVE], readiness_probe=probe(http_get=http_get_action(port=PORT)))
local_resource('other', 'true')
`
	l := newLocal(t, tiltfile)
	l.fails(1, []string{"has not been brought up yet", "`envflow up`"}, "eval", "--diff")
	l.ok("up", "-d", "web", "greet", "--", "--who", "me")
	l.wait()
	if err := l.differs("no changes\n"); err != nil {
		t.Errorf("what runs is different from itself: %v", err)
	}
	l.contains("with other arguments", l.ok("eval", "--diff", "--", "--who", "you"),
		"~ settings: env\n", "-   WHO: (hidden)\n", "+   WHO: (changed)\n", "~ greet (local): cmd\n", "-   - echo hello me\n", "+   - echo hello you\n",
		"~ web (local): settings\n", "~ other (local): settings; needs no update\n", "0 to add, 4 to change, 0 to remove\n")

	// What is saved while it runs is evaluated at once; an error leaves what runs as it is.
	l.tilt(tiltfile + "foo()\n")
	l.tiltfileFails("undefined: foo")
	l.fails(4, []string{"undefined: foo"}, "eval", "--diff")
	l.tilt(tiltfile + "local_resource('new', 'true')\n")
	l.eventually("the new resource is there", func() error {
		return l.differs("no changes\n")
	})

	l.ok("pause")
	l.tilt(tiltfile)
	l.contains("while it is paused", l.ok("eval", "--diff"), "- new (local)\n", "0 to add, 0 to change, 1 to remove\n")
	l.ok("up", "-d", "--", "--who", "me") // all of them, and not the three of before
	l.wait()
	if err := l.differs("no changes\n"); err != nil {
		t.Error(err)
	}
	l.ok("down")
	l.fails(1, []string{"is down", "`envflow up`"}, "eval", "--diff")
}

// differs returns an error unless `eval --diff` prints want.
func (l *local) differs(want string) error {
	l.t.Helper()
	if got := l.ok("eval", "--diff"); got != want {
		return fmt.Errorf("it prints\n%s", got)
	}
	return nil
}
