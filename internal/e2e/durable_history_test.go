package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.temporal.io/api/enums/v1"
	sdkclient "go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/envflow/envflow/internal/api"
)

// Every workflow begins a new run while five resources build: none of them is lost, done twice, or forgotten by its
// environment.
func TestContinueAsNew_WhileBuilding(t *testing.T) {
	const services = 5
	u := newUserAlone(t, services)
	g := newGate(t)
	for i := range services {
		u.gated(i, g)
		// The engine runs a step that several builds share only once.
		u.service[i].dockerfile = strings.Replace(u.service[i].dockerfile, "RUN ", fmt.Sprintf("ENV SERVICE=%d\nRUN ", i), 1)
	}
	u.writeProject()
	u.write("Tiltfile", strings.Replace(u.tiltfile(), "max_parallel_updates=4", "max_parallel_updates=5", 1))
	u.ok("up", "-d")
	u.holds(g, services)
	c := u.client()
	before := u.runs()
	if len(before) != services+1 {
		t.Errorf("workflows run: %v", before)
	}
	for id := range before {
		if err := c.SignalWorkflow(t.Context(), id, "", api.ContinueAsNewSignal, nil); err != nil {
			t.Fatal(err)
		}
	}
	environment := api.EnvironmentWorkflowID(u.id())
	u.newRun(c, environment, before[environment])
	if n := g.held(); n != services {
		t.Errorf("%d builds are held after the environment's new run", n)
	}
	g.let()
	u.wait()
	for id, run := range before {
		u.newRun(c, id, run)
	}
	for i := range services {
		u.served(i, "v0")
		if n := u.builds(i); n != 1 {
			t.Errorf("svc%d was built %d times", i, n)
		}
	}
	if n := g.knocks(); n != services {
		t.Errorf("%d builds ran", n)
	}
	u.onePodEach()
	if now := u.runs(); len(now) != services+1 {
		t.Errorf("workflows run: %v", now)
	}
	u.edit(4, "v1")
	u.served(4, "v1")
	// Again, with nothing to do and one more to come.
	for id := range before {
		if err := c.SignalWorkflow(t.Context(), id, "", api.ContinueAsNewSignal, nil); err != nil {
			t.Fatal(err)
		}
	}
	u.edit(3, "v1")
	u.served(3, "v1")
	u.wait()
	u.onePodEach()
}

// newRun waits until a workflow has another run than the old one.
func (u *user) newRun(c sdkclient.Client, id, old string) {
	u.t.Helper()
	u.eventually(id+" has a new run", func() error {
		d, err := c.DescribeWorkflowExecution(u.t.Context(), id, "")
		if err == nil && d.GetWorkflowExecutionInfo().GetExecution().GetRunId() == old {
			err = fmt.Errorf("it is still %s", old)
		}
		return err
	})
}

// No file content, manifest, secret, variable or output enters a history, however a run goes.
func TestHistories_HoldNothingSecret(t *testing.T) {
	marks := map[string]string{}
	mark := func(what string) string {
		if marks[what] == "" {
			marks[what] = "MARK" + strings.ToUpper(strings.ReplaceAll(what, " ", "")) + "KRAM"
		}
		return marks[what]
	}
	u := newUserAlone(t, 2)
	u.env["SECRET_VARIABLE"] = mark("environment variable")
	u.service[0].dockerfile = "FROM localbase:1\nARG SECRET\n# " + mark("comment in a Dockerfile") + "\nRUN echo " + mark("output of a build") +
		"$SECRET\nCOPY web /www\nENV A=" + mark("ENV") + "\nCMD echo " + mark("log line") + "; exec /bin/httpd -f -p 8080 -h /www\n"
	u.service[0].build += fmt.Sprintf("+[run('echo %s; cat /www/index.html')], build_args={'SECRET': '%s', 'FROM_ENV': os.getenv('SECRET_VARIABLE')}", mark("run step"), mark("build argument"))
	u.write("svc0/web/secret.html", mark("content of a file")+"\n")
	u.write("secret.txt", mark("file that the Tiltfile reads")+"\n")
	yaml := u.yaml() + "---\n" + `apiVersion: v1
kind: Secret
metadata: {name: secret, annotations: {note: ` + mark("annotation") + `}}
stringData: {password: ` + mark("stringData") + `}
data: {key: ` + mark("data") + `}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {setting: ` + mark("ConfigMap") + `}
`
	yaml = strings.Replace(yaml, "image: "+u.service[0].image, "image: "+u.service[0].image+", env: [{name: X, value: "+mark("env value")+"}]", 1)
	port := u.freePort()
	// A server that others keep from its port tells of it, without what it was started with.
	locals := fmt.Sprintf(`
os.putenv('PUT', '%s')
local_resource('cmd', cmd='echo %s $A $PUT; echo %s', env={'A': '%s'}, deps=['secret.txt'])
local_resource('bad', cmd='echo %s >&2; : %s; exit 3')
local_resource('serve', serve_cmd='echo %s; exec sleep 1000', serve_env={'B': '%s'},
               readiness_probe=probe(period_secs=1, exec=exec_action(['sh', '-c', 'echo %s; exit 1'])))
local_resource('taken', serve_cmd='echo listen tcp 127.0.0.1:%d: bind: address already in use; exit 1')
`, mark("putenv"), mark("output of a command"), mark("command line"), mark("env of a command"), mark("output of a failing command"), mark("failing command line"),
		mark("output of a server"), mark("env of a server"), mark("output of a probe"), port)
	holder := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf("exec '%s' %s %d /nothing # %s", os.Args[0], serveVerb, port, mark("command line of another")))
	holder.Args = append(holder.Args, mark("argument of another"))
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Process.Kill(); _ = holder.Wait() })
	tiltfile := func(line string) string {
		return u.tiltfile() + locals + "config.define_string('password')\nconfig.parse()\nx = str(read_file('secret.txt'))\nlocal('echo " + mark("output of local") + "')\nprint('" + mark("print") + "')\n" + line + "\n"
	}
	u.service[1].resource = "links=[link('http://localhost/?token=" + mark("link") + "', 'docs')], labels=['" + mark("label") + "']"
	u.writeProject()
	u.write("k8s.yaml", yaml)
	u.write("Tiltfile", tiltfile(""))
	u.ok("up", "-d", "--", "--password", mark("argument"))
	u.wait("svc0", "svc1", "cmd")
	u.failed("bad", "exited with code 3")
	u.failed("taken", "is taken by process")
	u.resourceIs("serve", "not ready", func(r resource) bool { return strings.Contains(r.Reason, "not ready") })
	u.contains("status", u.ok("status", "-o", "json"), mark("link"))
	u.served(0, "v0")
	// An edit, also one that fails in the container.
	u.edit(0, mark("edit"))
	u.served(0, mark("edit"))
	// A Tiltfile that fails, by itself and by what it runs.
	u.write("Tiltfile", tiltfile("fail('"+mark("fail")+"')"))
	u.eventually("the Tiltfile has an error", func() error { return u.logHas(mark("fail")) })
	u.write("Tiltfile", tiltfile("local('echo "+mark("failing local")+" >&2; exit 3')"))
	u.eventually("local fails", func() error { return u.logHas(mark("failing local")) })
	u.write("Tiltfile", tiltfile("syntax error "+mark("syntax error")))
	u.eventually("the Tiltfile has a syntax error", func() error { return u.logHas("syntax error") })
	u.write("Tiltfile", tiltfile(""))
	// A build that fails.
	u.write("svc1/Dockerfile", "FROM localbase:1\nRUN echo "+mark("output of a failing build")+"; exit 7\n")
	u.failed("svc1", "7")
	u.write("svc1/Dockerfile", "FROM localbase:1\nNONSENSE "+mark("nonsense in a Dockerfile")+"\n")
	u.eventually("the Dockerfile has a syntax error", func() error { return u.logHas("unknown instruction") })
	u.write("svc1/Dockerfile", u.service[1].dockerfile)
	// Objects that the cluster refuses.
	u.write("k8s.yaml", yaml+"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_Allowed}\ndata: {x: "+mark("refused data")+"}\n")
	u.eventually("the cluster refuses", func() error { return u.logHas("RFC 1123") })
	u.write("k8s.yaml", yaml+"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {"+mark("wrong type")+": [1]}\n")
	u.eventually("the cluster refuses again", func() error { return u.logHas("other") })
	u.write("k8s.yaml", yaml)
	u.wait("svc0", "svc1", "cmd")
	u.ok("trigger", "svc0")
	u.wait("svc0", "svc1", "cmd")
	c := u.client()
	u.ok("down")
	u.scan(c, marks)
}

// logHas returns an error if the log of the environment lacks the text.
func (u *user) logHas(text string) error {
	if out := u.run("logs"); !strings.Contains(out.stdout, text) {
		return fmt.Errorf("the log lacks %q", text)
	}
	return nil
}

// scan looks for marks in everything that the server keeps of every workflow.
func (u *user) scan(c sdkclient.Client, marks map[string]string) {
	u.t.Helper()
	events := 0
	look := func(where, text string) {
		for what, mark := range marks {
			if strings.Contains(text, mark) {
				u.t.Errorf("%s has the %s: ...%s...", where, what, around(text, mark))
			}
		}
	}
	all := u.workflows(c, "")
	for _, info := range all {
		id := info.GetExecution().GetWorkflowId()
		look("the description of "+id, readable(protojson.Format(info)))
		history := c.GetWorkflowHistory(u.t.Context(), id, info.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			if err != nil {
				u.t.Fatal(err)
			}
			events++
			look(fmt.Sprintf("event %d of %s (%s)", event.GetEventId(), id, event.GetEventType()), readable(protojson.Format(event)))
		}
	}
	if len(all) < 3 || events < 50 {
		u.t.Errorf("only %d events of %d workflows were found", events, len(all))
	}
	u.t.Logf("%d events of %d workflows hold none of %d marks", events, len(all), len(marks))
}
