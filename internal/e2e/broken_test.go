package e2e_test

import (
	"strings"
	"testing"
)

func green(r resource) bool {
	return r.Ready && r.Update == "ok" && r.Runtime == "ok" && r.Reason == ""
}

// What is wrong with a Dockerfile is told with its line, and saving it mended is all there is to do.
func TestBuild_BrokenDockerfile(t *testing.T) {
	u := newUser(t, 2)
	good := u.service[0].dockerfile
	broken := strings.Replace(good, "COPY", "RUN echo what is wrong >&2; exit 3\nCOPY", 1)
	u.service[0].dockerfile = broken // from the start
	u.writeProject()
	u.ok("up", "-d")
	u.wait("svc1")
	u.failed("svc0", "Dockerfile:2", "exit 3", "what is wrong")
	u.fails(1, []string{"not ready after 3s", "svc0: ", "Dockerfile:2"}, "wait", "--timeout", "3s")
	u.ok("wait", "--for", "updated", "--timeout", "30s")
	u.contains("logs", u.ok("logs", "svc0"), "what is wrong")
	u.contains("status", u.ok("status"), "svc0", "Dockerfile:2")

	u.write("svc0/Dockerfile", good)
	u.wait()
	u.served(0, "v0")
	u.resourceIs("svc0", "green", green)
	pod := u.pod(0)

	u.write("svc0/Dockerfile", strings.Replace(good, "COPY", "COPPY", 1)) // no such instruction
	u.failed("svc0", "Dockerfile:2", "COPPY")
	u.served(0, "v0") // what ran goes on
	u.write("svc0/Dockerfile", strings.Replace(good, "COPY web", "COPY webb", 1))
	u.failed("svc0", "Dockerfile:2", "webb")
	u.remove("svc0/Dockerfile")
	u.tiltfileFails("Tiltfile:5:1: ", "there is no Dockerfile svc0/Dockerfile")
	u.write("svc0/Dockerfile", good)
	u.wait()
	u.resourceIs("svc0", "green", green)
	if now := u.pod(0); now != pod {
		t.Errorf("back at what was deployed the pod is another: %s, before %s", now, pod)
	}
}

func TestBuild_ContextIsDeleted(t *testing.T) {
	u := newUser(t, 2)
	u.up()
	pod := u.pod(0)
	u.remove("svc0")
	u.failed("svc0", "svc0")
	u.edit(1, "v1") // the others go on
	u.served(1, "v1")
	u.edit(0, "v0")
	u.write("svc0/Dockerfile", u.service[0].dockerfile)
	u.wait()
	u.served(0, "v0")
	if now := u.pod(0); now != pod {
		t.Logf("the pod is another: %s, before %s", now, pod)
	}
	u.edit(0, "v1")
	u.served(0, "v1")
}

// What the cluster cannot run is told by resource, and the others run.
func TestRuntime_WhatTheClusterCannotRun(t *testing.T) {
	u := newUser(t, 4)
	const pull, crash, refused = 1, 2, 3
	u.service[crash].dockerfile = "FROM localbase:1\nCOPY web /www\nCMD [\"/bin/sh\",\"-c\",\"echo I am done for; exit 7\"]\n"
	u.writeProject()
	yaml := strings.Replace(u.yaml(), "image: "+u.service[pull].image+",", "image: "+u.bed.Registry+"/"+u.prefix+"-nowhere:1,", 1)
	good := yaml
	yaml = strings.Replace(yaml, "spec: {selector: {app: svc3}, ports: [{port: 80,", "spec: {selector: {app: svc3}, ports: [{port: 800000,", 1)
	u.write("k8s.yaml", yaml)
	u.ok("up", "-d")
	u.wait("svc0")
	u.served(0, "v0")
	u.failed("svc1", "nowhere:1")
	u.failed("svc2", "exit code 7")
	u.failed("svc3", "800000")
	u.fails(1, []string{"svc1: ", "svc2: ", "svc3: "}, "wait", "--timeout", "3s")
	u.contains("logs", u.ok("logs", "svc2"), "I am done for")

	u.write("k8s.yaml", good)
	u.wait("svc3")
	u.service[crash].dockerfile = u.service[0].dockerfile
	u.writeProject()
	u.wait()
	u.served(pull, "v0")
	u.served(crash, "v0")
	u.served(refused, "v0")
}
