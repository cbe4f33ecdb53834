package render_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envflow/envflow/starlark/render"
)

// helmCases are renderings that helm and the builtin have to agree on.
var helmCases = []struct {
	name   string
	chart  string
	flags  []string // of helm template
	values string   // of a file given with --values
	fails  string   // part of the builtin's message; helm fails too
}{
	{name: "all that templates can do", chart: "plain"},
	{name: "another namespace", chart: "plain", flags: []string{"--namespace=other"}},
	{name: "another version of Kubernetes", chart: "plain", flags: []string{"--kube-version=1.29"}},
	{name: "a full version of Kubernetes", chart: "plain", flags: []string{"--kube-version=v1.31.4+k3s1"}},
	{name: "set a value", chart: "plain", flags: []string{"--set=replicas=5,image.tag=new"}},
	{name: "set lists", chart: "plain", flags: []string{"--set=list={x,y,z}", "--set=nested.deep.er[1].x=changed", "--set=nested.deep.er[3]=4"}},
	{name: "set with escapes", chart: "plain", flags: []string{`--set=text=a\,b\.c,image.repository=host\\x`, `--set=a\.b/c=d`}},
	{name: "set kinds of values", chart: "plain", flags: []string{"--set=a=true,b=1,c=1.5,d=null,e=,f=007,g=1e3"}},
	{name: "set null removes", chart: "plain", flags: []string{"--set=removed.me=null,nothing=null"}},
	{name: "set over a file", chart: "plain", flags: []string{"--set=replicas=9"}, values: "replicas: 3\nlist: [only]\nnested: {other: 1}\n"},
	{name: "a file removes", chart: "plain", values: "removed: {me: null}\nlist: null\n"},
	{name: "an empty file", chart: "plain", values: "# nothing\n"},
	{name: "a table over a scalar", chart: "plain", values: "replicas: {a: 1}\nimage: flat\n", flags: []string{"--set=image=x"}, fails: "can't evaluate field repository"},
	{name: "subcharts", chart: "parent"},
	{name: "a subchart is off", chart: "parent", flags: []string{"--set=child.enabled=false"}},
	{name: "tags", chart: "parent", flags: []string{"--set=tags.front=false,tags.extra=false"}},
	{name: "a condition is on", chart: "parent", flags: []string{"--set=off.enabled=true"}},
	{name: "values of subcharts", chart: "parent", flags: []string{"--set=child.color=black,second.sub.x=8,global.domain=local,packed.size=1"}},
	{name: "hooks and definitions", chart: "hooks"},
	{name: "only hooks", chart: "onlyhooks"},
	{name: "an old chart", chart: "old"},
	{name: "an old chart for an old cluster", chart: "old", flags: []string{"--kube-version=1.20"}, fails: "it wants Kubernetes >=1.25.0-0, and is rendered for v1.20"},
	{name: "ignored files", chart: "ignoring"},
	{name: "a schema", chart: "schema"},
	{name: "a schema that does not hold", chart: "schema", flags: []string{"--set=port=no,mode=x"}, fails: "at '/port': got string, want integer"},
	{name: "a required value", chart: "failing", flags: []string{"--set=how=required"}, fails: "execution error at (failing/templates/cm.yaml:6:10): a tag is needed"},
	{name: "fail", chart: "failing", flags: []string{"--set=how=fail"}, fails: "execution error at (failing/templates/cm.yaml:8:10): this is not allowed"},
	{name: "a value that is not there", chart: "failing", flags: []string{"--set=how=nil"}, fails: "failing/templates/cm.yaml:10:17"},
	{name: "a value that is not there, deeper", chart: "failing", flags: []string{"--set=how=include"}, fails: "failing/templates/_lib.tpl:2:10"},
	{name: "a template that is not there", chart: "failing", flags: []string{"--set=how=undefined"}, fails: "no template \"not.there\""},
	{name: "invalid YAML", chart: "failing", flags: []string{"--set=how=yaml"}, fails: "YAML parse error on failing/templates/cm.yaml"},
	{name: "a template without end", chart: "failing", flags: []string{"--set=how=recursion"}, values: "loop: '{{ include \"failing.loop\" . }}'\n", fails: "rendering template has a nested reference name: failing.loop"},
}

func TestHelm_PrintsWhatHelmTemplatePrints(t *testing.T) {
	t.Parallel()
	helm := program(t, "helm")
	for _, c := range helmCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join("testdata", "charts", c.chart)
			flags := c.flags
			if c.values != "" {
				path := filepath.Join(t.TempDir(), "values.yaml")
				if err := os.WriteFile(path, []byte(c.values), 0o600); err != nil {
					t.Fatal(err)
				}
				flags = append([]string{"--values=" + path}, flags...)
			}
			want, complaint := output(t, append([]string{helm, "template", "rel", dir, "--include-crds"}, flags...)...)
			got, err := render.HelmTemplate(t, dir, "rel", flags...)
			if (complaint != "") != (c.fails != "") {
				t.Fatalf("helm itself: %q", complaint)
			}
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("got %v, want %s; helm says: %s", err, c.fails, complaint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("helm (-) and the builtin (+) differ:\n%s", diff)
			}
		})
	}
}

func TestHelm_SkipsDefinitions(t *testing.T) {
	t.Parallel()
	helm := program(t, "helm")
	dir := filepath.Join("testdata", "charts", "hooks")
	want, _ := output(t, helm, "template", "rel", dir)
	got, err := render.HelmTemplate(t, dir, "rel", "--skip-crds")
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("helm (-) and the builtin (+) differ:\n%s", cmp.Diff(want, got))
	}
}
