package starlark_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envflow/envflow/starlark"
)

// What a Tiltfile prints.
func TestLanguage_Prints(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, tiltfile, want string }{
		{"dialect", "i = 0\nwhile i < 2:\n  i += 1\nif i == 2:\n  for s in set([1]):\n    print(s, i)\ndef fib(n): return n if n < 2 else fib(n-1) + fib(n-2)\nprint(fib(10))\n", "1 2\n55\n"},
		{
			"paths start from the executing file", "load('lib/a.star', 'where')\nprint(where(), os.getcwd(), __name__, os.path.basename(__file__))\n-- lib/a.star --\ndef where(): return os.getcwd()\nprint(where(), __name__, os.path.abspath('x'))\n",
			"DIR/lib a.star DIR/lib/x\nDIR DIR __main__ Tiltfile\n",
		},
		{"a file is executed once", "load('a.star', 'x')\nload('./a.star', y='x')\ninclude('a.star')\nprint(x, y)\n-- a.star --\nprint('once')\nx = 1\n", "once\n1 1\n"},
		{"load_dynamic", "d = load_dynamic('a.star')\nprint(sorted(d.keys()), d['x'])\n-- a.star --\nx = 1\n_hidden = 2\ndef f(): pass\n", `["_hidden", "f", "x"] 1` + "\n"},
		{"struct and module", "s = struct(a=1)\nm = module('m', b=2)\nprint(s.a, m.b)\n", "1 2\n"},
		{"blob", "b = blob('x')\nprint(b, str(b) + 'y', type(b), bool(blob('')))\n", "x xy blob False\n"},
		{"read_file", "print(read_file('a.txt'), read_file('b.txt', default='none'))\n-- a.txt --\nhello", "hello none\n"},
		{"listdir", "print([os.path.relpath(p) for p in listdir('d')], [os.path.relpath(p) for p in listdir('d', recursive=True)])\n-- d/a --\n-- d/e/b --\n-- d/z --\n", `["d/a", "d/z"] ["d/a", "d/e/b", "d/z"]` + "\n"},
		{"json", "v = decode_json('{\"b\": [1, 2.5, null], \"a\": 12345678901234567890}')\nprint(v)\nprint(encode_json(v))\nprint(read_json('a.json'))\n-- a.json --\n[true]", "{\"a\": 12345678901234567890, \"b\": [1, 2.5, None]}\n{\n  \"a\": 12345678901234567890,\n  \"b\": [\n    1,\n    2.5,\n    null\n  ]\n}\n\n[True]\n"},
		{"yaml", "v = decode_yaml('a: {b: [1, x]}')\nprint(v, encode_yaml(v))\nprint(read_yaml_stream('a.yaml'), encode_yaml_stream([1, {'a': struct(b=2)}]))\n-- a.yaml --\na: 1\n---\n# nothing\n---\nb: 2\n", "{\"a\": {\"b\": [1, \"x\"]}} a:\n  b:\n  - 1\n  - x\n\n[{\"a\": 1}, {\"b\": 2}] 1\n---\na:\n  b: 2\n\n"},
		{"os", "print(os.name, os.getenv('HOME'), os.getenv('NOPE'), os.getenv('NOPE', 'x'))\nos.putenv('A', 'b')\nos.environ['C'] = 'd'\nos.unsetenv('HOME')\nprint(os.getenv('A'), os.environ.get('C'), 'HOME' in os.environ, local('echo $A$C$HOME', quiet=True, echo_off=True))\n", "posix /nowhere None x\nb d False bd\n\n"},
		{"os.environ of a loaded file", "load('a.star', 'e')\nos.putenv('A', '1')\nprint(e['A'])\n-- a.star --\ne = os.environ\n", "1\n"},
		{"os.path", "p = os.path\nprint(p.join('a', 'b', '/c', 'd'), p.dirname('a/b'), p.basename('a/b'), p.exists('Tiltfile'), p.exists('no'), p.relpath('a/b', 'a'), p.realpath('.') != '')\n", "/c/d a b True False b True\n"},
		{"sys and shlex", "print(sys.argv, shlex.quote(\"it's\"), shlex.quote('a/b'), shlex.quote(''))\n", `["envflow", "up"] 'it'"'"'s' a/b ''` + "\n"},
		{"local", "x = local(['printf', 'a b'], env={'X': 'y'})\nprint(local('cat; pwd', stdin=x, dir='sub', echo_off=True))\n-- sub/f --\n", "local: printf 'a b'\n → a b\n → a bDIR/sub\na bDIR/sub\n\n"},
		{"warn", "def f():\n  warn('careful')\nf()\n", "WARNING: Tiltfile:2: careful\nWARNING: the Tiltfile defines no resources\n"},
		{"exit", "print(1)\ndef f():\n  exit('bye')\nf()\nfail('not reached')\n", "1\nbye\n"},
		{"exit of a loaded file", "include('a.star')\nfail('not reached')\n-- a.star --\nprint('a')\nexit()\n", "a\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, test.tiltfile)
			p.plan()
			got := p.printed()
			if test.name != "warn" {
				got = strings.TrimSuffix(got, "WARNING: the Tiltfile defines no resources\n")
			}
			if got != test.want {
				t.Errorf("got:\n%q\nwant:\n%q", got, test.want)
			}
		})
	}
}

func TestLanguage_ConfigFiles(t *testing.T) {
	t.Parallel()
	p := newProject(t, `load('lib/a.star', 'x')
read_file('missing', default='')
read_yaml('v.yaml')
watch_file('w')
watch_file('dir')
listdir('dir')
listdir('tree', recursive=True)
os.path.exists('perhaps')
docker_build('web', 'web', dockerfile='web/Dockerfile.dev')
k8s_yaml('k.yaml')
config.parse()
-- lib/a.star --
x = 1
-- v.yaml --
a: 1
-- dir/f --
-- tree/f --
-- web/Dockerfile.dev --
FROM scratch
-- k.yaml --
`+deployment("web", "web"))
	var got []string
	for _, f := range p.plan().ConfigFiles {
		rel, ok := strings.CutPrefix(f, p.dir+"/")
		if !ok {
			t.Fatalf("%s is not in the project", f)
		}
		got = append(got, rel)
	}
	slices.Sort(got)
	want := []string{
		".tiltignore", "Tiltfile", "dir/", "k.yaml", "lib/a.star", "missing", "perhaps", "tilt_config.json", "tree/", "v.yaml", "w",
		"web/.dockerignore", "web/Dockerfile.dev", "web/Dockerfile.dev.dockerignore",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestLanguage_LocalSeesTheKubeconfig(t *testing.T) {
	t.Parallel()
	const show = "print(local('echo \"k=$KUBECONFIG\"', quiet=True, echo_off=True))\n"
	for before, want := range map[string]string{
		"": "k=/some/config\n",
		"os.putenv('KUBECONFIG', '/of/tiltfile')\n": "k=/of/tiltfile\n",
		"os.unsetenv('KUBECONFIG')\n":               "k=\n",
		"os.putenv('OTHER', 'x')\n":                 "k=/some/config\n",
	} {
		p := newProject(t, before+show)
		p.opts.KubeConfigPath = "/some/config"
		p.opts.Environ = append(p.opts.Environ, "KUBECONFIG=/of/terminal")
		p.plan()
		if got := p.printed(); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", before, got, want)
		}
	}
}

func TestLanguage_Timings(t *testing.T) {
	t.Parallel()
	p := newProject(t, "local('true')\nos.getcwd()\n")
	result, err := starlark.Evaluate(t.Context(), p.opts)
	if err != nil {
		t.Fatal(err)
	}
	if tm := result.Timings; tm["total"] <= 0 || tm["local"] <= 0 || tm["local"] > tm["total"] || tm["os.getcwd"] <= 0 {
		t.Errorf("got %v", tm)
	}
}

// The benchmark's generator writes what the first users will have.
func TestLanguage_GeneratedProject(t *testing.T) {
	t.Parallel()
	const generator = "/work/shared/bench/gen.py"
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3")
	}
	dir := filepath.Join(t.TempDir(), "p")
	if out, err := exec.CommandContext(t.Context(), "python3", generator, "5", dir).CombinedOutput(); err != nil {
		t.Skipf("the generator is not here: %v\n%s", err, out)
	}
	result, err := starlark.Evaluate(t.Context(), starlark.Options{Path: filepath.Join(dir, "Tiltfile"), KubeContext: "prod-testbed"})
	if err != nil {
		t.Fatal(err)
	}
	p := result.Plan
	if len(p.Resources) != 5 || len(p.Images) != 5 || len(p.Warnings) != 0 || p.Settings.MaxParallelUpdates != 4 || p.Settings.DefaultRegistry.Host != "localhost:5000" {
		t.Fatalf("got %d resources, %d images, warnings %v, settings %+v", len(p.Resources), len(p.Images), p.Warnings, p.Settings)
	}
	for _, r := range p.Resources {
		if len(r.Images) != 1 || len(r.Kubernetes.Objects) != 2 || len(r.Kubernetes.PortForwards) != 1 || !r.Enabled || !r.AutoInit {
			t.Errorf("got %+v", r)
		}
	}
}
