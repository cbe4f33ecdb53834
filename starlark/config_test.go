package starlark_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/internal/plan"
)

const threeServices = "k8s_yaml(['a.yaml', 'b.yaml', 'c.yaml'])\nk8s_resource('a', resource_deps=['b'])\n"

func threeServiceFiles() string {
	return "\n-- a.yaml --\n" + deployment("a", "x") + "-- b.yaml --\n" + deployment("b", "x") + "-- c.yaml --\n" + deployment("c", "x") +
		"---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: conf}}\n"
}

func enabled(p *plan.Plan) []string {
	var names []string
	for _, r := range p.Resources {
		if r.Enabled {
			names = append(names, r.Name)
		}
	}
	return names
}

func TestConfig_EnabledResources(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, tiltfile  string
		resources, args []string
		want            string
	}{
		{"all", "", nil, nil, "a b c uncategorized"},
		{"named, with dependencies", "", []string{"a"}, nil, "a b uncategorized"},
		{"named after --", "", nil, []string{"c"}, "c uncategorized"},
		{"set_enabled_resources wins", "config.set_enabled_resources(['c'])\n", []string{"a"}, nil, "c uncategorized"},
		{"set to none is all", "config.set_enabled_resources([])\n", nil, nil, "a b c uncategorized"},
		{"clear", "config.clear_enabled_resources()\n", []string{"a"}, nil, ""},
		{"parse takes the arguments", "config.define_string_list('x', args=True)\nprint(config.parse())\n", []string{"a"}, nil, "a b c uncategorized"},
		{"the usual pattern", "config.define_string_list('x', args=True)\nconfig.set_enabled_resources(config.parse().get('x', []))\n", []string{"b"}, []string{"c"}, "b c uncategorized"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, test.tiltfile+threeServices+threeServiceFiles())
			p.opts.Resources, p.opts.Args = test.resources, test.args
			if got := strings.Join(enabled(p.plan()), " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestConfig_Parse(t *testing.T) {
	t.Parallel()
	const definitions = `
config.define_string_list('names', args=True, usage='what to start')
config.define_string('env')
config.define_bool('debug')
config.define_object('extra')
print(config.parse(), config.tilt_subcommand, config.main_dir == os.getcwd(), os.path.basename(config.main_path))
`
	for _, test := range []struct {
		args []string
		file string
		want string
	}{
		{nil, "", "{}"},
		{[]string{"-env", "dev", "--debug", `--extra={"k": [1]}`, "a", "b"}, "", `{"names": ["a", "b"], "env": "dev", "debug": True, "extra": {"k": [1]}}`},
		{[]string{"--names", "a", "--names=b", "--debug=false", "--", "-c"}, "", `{"names": ["a", "b", "-c"], "debug": False}`},
		{[]string{"--env=x"}, `{"names": ["f"], "env": "file", "debug": true}`, `{"names": ["f"], "env": "x", "debug": True}`},
	} {
		p := newProject(t, definitions)
		if test.file != "" {
			p.write("tilt_config.json", test.file)
		}
		p.opts.Args = test.args
		p.plan()
		if got, want := p.printed(), test.want+" up True Tiltfile\n"; !strings.HasPrefix(got, want) {
			t.Errorf("%q: got %s, want %s", test.args, got, want)
		}
	}
}

func TestConfig_Errors(t *testing.T) {
	t.Parallel()
	define := "config.define_string('env', usage='which')\n"
	for _, test := range []struct {
		tiltfile, file string
		args           []string
		want           string
	}{
		{"", "", []string{"--x"}, "the argument --x is not known: the Tiltfile reads no arguments\nhint: "},
		{threeServices, "", []string{"aa"}, "no such resource: aa; there are: a, b, c, uncategorized"},
		{threeServices + "config.set_enabled_resources(['x'])\n", "", nil, "Tiltfile:3:1: config.set_enabled_resources: no such resource: x; there are: a, b, c, uncategorized\n"},
		{define + "config.parse()\n", "", []string{"a"}, "Tiltfile:2:1: config.parse: the Tiltfile takes no arguments without a flag, got: a\n"},
		{define + "config.parse()\n", "", []string{"--evn=a"}, "Tiltfile:2:1: config.parse: the argument --evn=a is not defined by the Tiltfile (did you mean --env?)\n  2 | config.parse()\n    | ^\nhint: the Tiltfile takes:\n  --env string: which"},
		{define + "config.parse()\n", "", []string{"--env"}, "Tiltfile:2:1: config.parse: the argument --env needs a value\n"},
		{define + "config.parse()\n", `{"other": 1}`, nil, "Tiltfile:2:1: config.parse: tilt_config.json: \"other\" is not defined by the Tiltfile\n"},
		{define + "config.parse()\n", `{"env": 1}`, nil, "Tiltfile:2:1: config.parse: tilt_config.json: env: got int, want string\n"},
		{define + define, "", nil, "Tiltfile:2:1: config.define_string: env is defined twice\n"},
		{"config.parse()\n" + define, "", nil, "Tiltfile:2:1: config.define_string: it comes after config.parse\n"},
		{"config.define_string('a', True)\nconfig.define_bool('b', args=True)\n", "", nil, "Tiltfile:2:1: config.define_bool: only one setting can take arguments without a flag, and a does\n"},
		{"config.define_string('a', True)\nconfig.parse()\n", "", []string{"x", "y"}, "Tiltfile:2:1: config.parse: the Tiltfile takes one a, got: x y\n"},
	} {
		p := newProject(t, test.tiltfile+threeServiceFiles())
		if test.file != "" {
			p.write("tilt_config.json", test.file)
		}
		p.opts.Args = test.args
		if got := p.fails(); !strings.HasPrefix(got, test.want) {
			t.Errorf("%q %q:\ngot  %s\nwant %s", test.tiltfile, test.args, got, test.want)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	p := newProject(t, "update_settings(max_parallel_updates=5, suppress_unused_image_warnings='*')\nupdate_settings(k8s_upsert_timeout_secs=7, k8s_server_side_apply='true')\ndefault_registry('reg.io/x', host_from_cluster='reg:5000', single_name='one')\n").plan()
	s := p.Settings
	if s.MaxParallelUpdates != 5 || s.UpsertTimeoutSeconds != 7 || s.ServerSideApply != "true" || !slices.Equal(s.SuppressUnusedWarnings, []string{"*"}) {
		t.Errorf("got %+v", s)
	}
	if *s.DefaultRegistry != (plan.Registry{Host: "reg.io/x", HostFromCluster: "reg:5000", SingleName: "one"}) {
		t.Errorf("got %+v", s.DefaultRegistry)
	}
	if s := newProject(t, "").plan().Settings; s.MaxParallelUpdates != 3 || s.UpsertTimeoutSeconds != 30 || s.ServerSideApply != "auto" {
		t.Errorf("defaults: got %+v", s)
	}
	for tiltfile, want := range map[string]string{
		"update_settings(max_parallel_updates=0)\n":                            "update_settings: max_parallel_updates: it must be at least 1, got 0",
		"update_settings(max_parallel_update=1)\n":                             `update_settings: unexpected keyword argument "max_parallel_update" (did you mean max_parallel_updates?)`,
		"update_settings(k8s_server_side_apply='yes')\n":                       "update_settings: k8s_server_side_apply: want 'auto', 'true' or 'false'",
		"trigger_mode(TRIGGER_MODE_AUTO)\ntrigger_mode(TRIGGER_MODE_MANUAL)\n": "trigger_mode: it can be called only once; the first call is at Tiltfile:1",
	} {
		if got := newProject(t, tiltfile).fails(); !strings.Contains(got, ": "+want+"\n") {
			t.Errorf("%s: got %s", tiltfile, got)
		}
	}
}
