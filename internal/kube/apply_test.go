package kube_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/envflow/envflow/internal/failure"
	"github.com/envflow/envflow/internal/kube"
	"github.com/envflow/envflow/internal/testenv"
)

// web has what the API server defaults, orders and writes otherwise than YAML does.
const web = `
apiVersion: v1
kind: Service
metadata: {name: web, labels: {tier: front}}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, creationTimestamp: null}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: localhost:5000/library/busybox
        command: [sleep, "3600"]
        env: [{name: GREETING, value: hello}]
        resources: {requests: {cpu: "0.01", memory: 16Mi}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {greeting: hello}
---
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {password: hunter22}
`

const settings = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: green, size: large}
`

func TestApply_WritesNothingWhenNothingChanged(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	first := e.apply(web)
	wantActions(t, first, "ConfigMap/web created, Secret/web created, Service/web created, Deployment/web created")
	if first.Changed != 4 {
		t.Errorf("%d changed, want 4", first.Changed)
	}
	// The second may have to move the ownership of fields, the third must find it moved.
	for range 2 {
		before := versions(e)
		again := e.apply(web)
		wantActions(t, again, "ConfigMap/web unchanged, Secret/web unchanged, Service/web unchanged, Deployment/web unchanged")
		if again.Changed != 0 {
			t.Errorf("%d changed, want 0", again.Changed)
		}
		for name, v := range versions(e) {
			if before[name] != v {
				t.Errorf("%s was written: %s, before %s", name, v, before[name])
			}
		}
	}
	if live := e.live(first.Objects[3]); live.GetLabels()[kube.LabelEnvironment] != e.id || live.GetNamespace() != b.namespace {
		t.Errorf("labels %v in namespace %s", live.GetLabels(), live.GetNamespace())
	} else if labels, _, _ := unstructured.NestedStringMap(live.Object, "spec", "template", "metadata", "labels"); len(labels) != 1 {
		t.Errorf("the template of the pod has labels %v, want only its own", labels)
	}
	// The records are lost: looking is enough.
	e.known = nil
	wantActions(t, e.apply(web), "ConfigMap/web unchanged, Secret/web unchanged, Service/web unchanged, Deployment/web unchanged")
}

// versions returns what only a write changes: the status of a Deployment has versions of its own.
func versions(e *environment) map[string]string {
	e.t.Helper()
	all := map[string]string{}
	for _, o := range e.known {
		live := e.live(o)
		if o.Kind == "Deployment" {
			unstructured.RemoveNestedField(live.Object, "status")
			var ours []string
			for _, f := range live.GetManagedFields() {
				if f.Subresource == "" {
					ours = append(ours, f.Manager, string(f.Operation), f.FieldsV1.String())
				}
			}
			all[o.Kind+"/"+o.Name] = strings.Join(ours, " ")
			continue
		}
		all[o.Kind+"/"+o.Name] = live.GetResourceVersion()
	}
	return all
}

func TestApply_UpdatesAndDropsFields(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	e.apply(settings + "---" + web)
	result := e.apply(strings.Replace(settings, ", size: large", ", shape: round", 1) + "---" + strings.Replace(web, "value: hello", "value: bye", 1))
	wantActions(t, result, "ConfigMap/settings configured, ConfigMap/web unchanged, Secret/web unchanged, Service/web unchanged, Deployment/web configured")
	data, _, _ := unstructured.NestedStringMap(e.live(result.Objects[0]).Object, "data")
	if len(data) != 2 || data["shape"] != "round" || data["color"] != "green" {
		t.Errorf("data is %v", data)
	}
	if g := result.Objects[4].Generation; g != 2 {
		t.Errorf("generation %d of the Deployment, want 2", g)
	}
}

func TestApply_PutsBackWhatSomebodyChanged(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	first := e.apply(settings)
	maps := b.Clientset().CoreV1().ConfigMaps(b.namespace)
	changed, err := maps.Get(t.Context(), "settings", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	changed.Data["color"] = "red"
	if _, err := maps.Update(t.Context(), changed, metav1.UpdateOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	wantActions(t, e.apply(settings), "ConfigMap/settings configured")
	if color, _, _ := unstructured.NestedString(e.live(first.Objects[0]).Object, "data", "color"); color != "green" {
		t.Errorf("color is %s, want green again", color)
	}
}

// An autoscaler's number of replicas is its own; what our people's tools set is not.
func TestApply_LeavesFieldsToOtherManagers(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	e.apply(web)
	deployments := b.Clientset().AppsV1().Deployments(b.namespace)
	testenv.Eventually(t, 10*time.Second, "scale", func() error { // the Deployment's controller writes as well
		scale, err := deployments.GetScale(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		scale.Spec.Replicas = 2
		_, err = deployments.UpdateScale(t.Context(), "web", scale, metav1.UpdateOptions{FieldManager: "the-autoscaler"})
		return err
	})
	e.apply(strings.Replace(web, "value: hello", "value: bye", 1))
	live, err := deployments.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if *live.Spec.Replicas != 2 || live.Spec.Template.Spec.Containers[0].Env[0].Value != "bye" {
		t.Errorf("replicas %d, env %v", *live.Spec.Replicas, live.Spec.Template.Spec.Containers[0].Env)
	}
	if !strings.Contains(e.log(), "Deployment/web: spec.replicas is left as the-autoscaler has set it") {
		t.Errorf("the log does not name the manager:\n%s", e.log())
	}
	e.apply(web, func(r *kube.ApplyRequest) { r.ServerSide = "false" })
	if live, _ = deployments.Get(t.Context(), "web", metav1.GetOptions{}); *live.Spec.Replicas != 1 {
		t.Errorf("replicas %d with k8s_server_side_apply=false, want 1", *live.Spec.Replicas)
	}
}

// What client-side apply takes with a warning must not fail at the second apply.
func TestApply_WarnsOfUnknownFields(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	wrong := strings.Replace(web, "replicas: 1", "replicsa: 1", 1)
	e.apply(wrong)
	if !strings.Contains(e.log(), `unknown field "spec.replicsa"`) {
		t.Errorf("no warning:\n%s", e.log())
	}
	result := e.apply(strings.Replace(wrong, "value: hello", "value: bye", 1))
	wantActions(t, result, "ConfigMap/web unchanged, Secret/web unchanged, Service/web unchanged, Deployment/web configured")
}

// Lists that a client-side apply takes and a server-side apply refuses.
func TestApply_TakesDuplicates(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	double := strings.Replace(web, "env: [{name: GREETING, value: hello}]",
		"env: [{name: GREETING, value: first}, {name: A, value: b}, {name: GREETING, value: hello}]\n        ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}, {containerPort: 80, name: http}]", 1)
	e.apply(double)
	if !strings.Contains(e.log(), "Deployment/web: warning: variable GREETING is there twice") {
		t.Errorf("no warning:\n%s", e.log())
	}
	if again := e.apply(double); again.Changed != 0 {
		t.Errorf("again: %s", actions(again))
	}
	e.apply(strings.Replace(double, "3600", "3601", 1))
	live, err := b.Clientset().AppsV1().Deployments(b.namespace).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c := live.Spec.Template.Spec.Containers[0]; len(c.Env) != 2 || c.Env[1].Value != "hello" || len(c.Ports) != 2 || c.Ports[1].Name != "http" {
		t.Errorf("env %v, ports %v", c.Env, c.Ports)
	}
}

func TestApply_RecreatesWhatIsImmutable(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	first := e.apply(web)
	second := e.apply(strings.ReplaceAll(web, "app: web", "app: web2"))
	wantActions(t, second, "ConfigMap/web unchanged, Secret/web unchanged, Service/web configured, Deployment/web recreated")
	if first.Objects[3].UID == second.Objects[3].UID {
		t.Error("the Deployment is the same")
	}
	headless := strings.Replace(web, "spec:\n  selector: {app: web}", "spec:\n  clusterIP: None\n  selector: {app: web}", 1)
	wantActions(t, e.apply(headless), "ConfigMap/web unchanged, Secret/web unchanged, Service/web recreated, Deployment/web recreated")
}

func TestApply_DoesNotRecreateWhatHoldsData(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	const claim = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  storageClassName: none
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Mi}}
`
	first := e.apply(claim)
	wantActions(t, e.apply(claim), "PersistentVolumeClaim/data unchanged")
	_, err := e.try(strings.Replace(claim, "ReadWriteOnce", "ReadWriteMany", 1))
	wantUserError(t, err, "PersistentVolumeClaim/data: spec is immutable", "delete persistentvolumeclaim data")
	if live := e.live(first.Objects[0]); live == nil || string(live.GetUID()) != first.Objects[0].UID {
		t.Error("the claim was deleted")
	}
	if len(e.known) != 1 {
		t.Errorf("the record is lost: %v", e.known)
	}
	// It goes out of the Tiltfile: still there, still known.
	wantActions(t, e.apply(settings), "ConfigMap/settings created, PersistentVolumeClaim/data kept")
}

func wantUserError(t *testing.T, err error, words ...string) {
	t.Helper()
	classified := failure.Of(err)
	if err == nil || classified.Class != failure.User {
		t.Fatalf("error is %v of class %s, want the user's", err, classified.Class)
	}
	for _, w := range words {
		if !strings.Contains(classified.Summary, w) {
			t.Errorf("summary %q does not say %q", classified.Summary, w)
		}
	}
}

func TestApply_DeletesWhatIsNoLongerWanted(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	const kept = `
apiVersion: v1
kind: ConfigMap
metadata: {name: kept, annotations: {tilt.dev/down-policy: keep}}
`
	e.apply(settings + "---" + web + "---" + kept)
	// Not after a failure.
	broken := strings.Replace(settings, "data:", "data: [1]\nbinaryData:", 1)
	if _, err := e.try(broken); err == nil {
		t.Fatal("a list was taken for data")
	}
	if len(e.known) != 6 {
		t.Errorf("%d records after a failure, want 6", len(e.known))
	}
	result := e.apply(settings)
	wantActions(t, result, "ConfigMap/kept kept, ConfigMap/settings unchanged")
	if result.Deleted != 4 {
		t.Errorf("%d deleted, want 4", result.Deleted)
	}
}

// An object that moved to another resource is not deleted on behalf of the old one.
func TestApply_LeavesWhatMovedToAnotherResource(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	e.apply(settings + "---" + web)
	other := &environment{bed: b, id: e.id}
	other.apply(settings, func(r *kube.ApplyRequest) { r.Resource = "settings" })
	if result := e.apply(web); result.Deleted != 0 {
		t.Errorf("deleted %d objects of the other resource", result.Deleted)
	}
	wantActions(t, other.apply(settings, func(r *kube.ApplyRequest) { r.Resource = "settings" }), "ConfigMap/settings unchanged")
}

func TestApply_RefusesWhatAnotherEnvironmentOwns(t *testing.T) {
	b := newBed(t)
	one, two := b.environment("one"), b.environment("two")
	first := one.apply(settings)
	before := one.live(first.Objects[0]).GetResourceVersion()
	changed := strings.Replace(settings, "green", "red", 1)
	_, err := two.try(changed)
	wantUserError(t, err, "ConfigMap/settings in namespace "+b.namespace+" belongs to the environment "+one.id+" of ann@desk:/src/"+one.id, "--adopt")
	if v := one.live(first.Objects[0]).GetResourceVersion(); v != before {
		t.Error("the object was written")
	}
	if err := b.Delete(t.Context(), kube.DeleteRequest{Environment: two.id, Objects: first.Objects}); err != nil {
		t.Fatal(err)
	}
	if one.live(first.Objects[0]) == nil {
		t.Fatal("the other environment has deleted it")
	}

	wantActions(t, two.apply(changed, func(r *kube.ApplyRequest) { r.Adopt = true }), "ConfigMap/settings configured")
	live := one.live(first.Objects[0])
	if color, _, _ := unstructured.NestedString(live.Object, "data", "color"); color != "red" || live.GetLabels()[kube.LabelEnvironment] != two.id {
		t.Errorf("color %s, labels %v", color, live.GetLabels())
	}
	// Now the first one is refused, and does not delete it.
	_, err = one.try(settings)
	wantUserError(t, err, two.id)
	one.apply(strings.Replace(settings, "name: settings", "name: others", 1))
	if one.live(first.Objects[0]) == nil {
		t.Error("the first environment has deleted what was taken from it")
	}
}

// Of two environments that make the same object at the same moment, one gets it.
func TestApply_GivesANewObjectToOneEnvironment(t *testing.T) {
	b := newBed(t)
	environments := []*environment{b.environment("one"), b.environment("two"), b.environment("three")}
	errs := make([]error, len(environments))
	var group sync.WaitGroup
	for i, e := range environments {
		group.Go(func() { _, errs[i] = e.try(settings) })
	}
	group.Wait()
	owners := 0
	for i, err := range errs {
		if err == nil {
			owners++
			continue
		}
		if failure.Of(err).Class != failure.User {
			t.Errorf("%s: %v", environments[i].id, err)
		}
	}
	if owners != 1 {
		t.Errorf("%d environments own the object, want 1", owners)
	}
}

// What kubectl has applied is taken over, and what the YAML does not have any more goes away.
func TestApply_TakesOverWhatKubectlMade(t *testing.T) {
	b := newBed(t)
	maps := b.Clientset().CoreV1().ConfigMaps(b.namespace)
	for _, manager := range []string{"kubectl-client-side-apply", "tilt"} {
		_, err := maps.Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: "settings", Labels: map[string]string{"app.kubernetes.io/managed-by": "tilt"}},
			Data:       map[string]string{"color": "red", "old": "yes"},
		}, metav1.CreateOptions{FieldManager: manager})
		if err != nil {
			t.Fatal(err)
		}
		e := b.environment("dev")
		result := e.apply(settings)
		wantActions(t, result, "ConfigMap/settings configured")
		live := e.live(result.Objects[0])
		data, _, _ := unstructured.NestedStringMap(live.Object, "data")
		if len(data) != 2 || data["color"] != "green" || len(live.GetLabels()) != 1 {
			t.Errorf("after %s: data %v, labels %v", manager, data, live.GetLabels())
		}
		if err := e.Delete(t.Context(), kube.DeleteRequest{Environment: e.id, Objects: e.known}); err != nil {
			t.Fatal(err)
		}
	}
}

// kubectl itself: its objects are taken over without a restart, and what `kubectl rollout restart` writes stays.
func TestApply_RestartsNothingOfKubectls(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	b.kubectl(web, "apply", "-f", "-")
	template := func() corev1.PodTemplateSpec {
		live, err := b.Clientset().AppsV1().Deployments(b.namespace).Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return live.Spec.Template
	}
	before := template()
	wantActions(t, e.apply(web), "ConfigMap/web configured, Secret/web configured, Service/web configured, Deployment/web configured")
	if diff := cmp.Diff(before, template()); diff != "" {
		t.Errorf("taking over changes the pods: %s", diff)
	}
	b.kubectl("", "rollout", "restart", "deployment/web")
	before = template()
	wantActions(t, e.apply(web), "ConfigMap/web unchanged, Secret/web unchanged, Service/web unchanged, Deployment/web unchanged")
	b.kubectl("", "set", "env", "deployment/web", "GREETING=oops")
	wantActions(t, e.apply(web), "ConfigMap/web unchanged, Secret/web unchanged, Service/web unchanged, Deployment/web configured")
	if diff := cmp.Diff(before, template()); diff != "" {
		t.Errorf("not put back: %s", diff)
	}
}

func TestApply_WaitsForWhatIsBeingDeleted(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	first := e.apply(strings.Replace(settings, "name: settings", "name: settings, finalizers: [envflow.dev/test]", 1))
	maps := b.Clientset().CoreV1().ConfigMaps(b.namespace)
	if err := maps.Delete(t.Context(), "settings", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan struct{})
	released := make(chan error, 1)
	go func() {
		<-waiting
		_, err := maps.Patch(t.Context(), "settings", "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		released <- err
	}()
	second := e.apply(settings, func(r *kube.ApplyRequest) {
		r.Log = func(line string) {
			if strings.Contains(line, "is being deleted") {
				close(waiting)
			}
		}
	})
	if err := <-released; err != nil {
		t.Fatal(err)
	}
	wantActions(t, second, "ConfigMap/settings created")
	if first.Objects[0].UID == second.Objects[0].UID {
		t.Error("it is still the old object")
	}
}

func TestApply_MakesKindsBeforeTheirObjects(t *testing.T) {
	b := newBed(t)
	group := suffix() + ".envflow.dev"
	text := strings.ReplaceAll(`
apiVersion: GROUP/v1
kind: Gadget
metadata: {name: one}
spec: {size: 3}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: inside, namespace: NAMESPACE}
---
apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer}, color: {type: string, default: green}}}
`, "GROUP", group)
	text = strings.ReplaceAll(text, "NAMESPACE", b.namespace+"-more")
	e := b.environment("dev")
	t.Cleanup(func() { e.deleteAll(true) })
	result := e.apply(text)
	wantActions(t, result, "Namespace/"+b.namespace+"-more created, CustomResourceDefinition/gadgets."+group+" created, ConfigMap/inside created, Gadget/one created")
	if ns := result.Objects[3].Namespace; ns != b.namespace {
		t.Errorf("the custom resource is in namespace %q", ns)
	}
	if again := e.apply(text); again.Changed != 0 {
		t.Errorf("again: %s", actions(again))
	}
	wantActions(t, e.apply(strings.Replace(text, "size: 3", "size: 4", 1)),
		"Namespace/"+b.namespace+"-more unchanged, CustomResourceDefinition/gadgets."+group+" unchanged, ConfigMap/inside unchanged, Gadget/one configured")

	found, err := b.FindLabelled(t.Context(), e.id, []string{b.namespace, b.namespace + "-more"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i].Action = "found"
	}
	wantActions(t, kube.ApplyResult{Objects: found},
		"Namespace/"+b.namespace+"-more found, CustomResourceDefinition/gadgets."+group+" found, ConfigMap/inside found, Gadget/one found")
	if found[3].Resource != "web" || found[3].Digest != e.known[3].Digest || found[3].UID != e.known[3].UID {
		t.Errorf("found %+v, known %+v", found[3], e.known[3])
	}
}

// deleteAll takes the environment down, from records that were found.
func (e *environment) deleteAll(namespaces bool) {
	e.t.Helper()
	ctx, cancel := cleanupContext(e.t)
	defer cancel()
	found, err := e.FindLabelled(ctx, e.id, nil)
	if err != nil {
		e.t.Error(err)
	}
	if err := e.Delete(ctx, kube.DeleteRequest{Environment: e.id, Objects: found, DeleteNamespaces: namespaces}); err != nil {
		e.t.Error(err)
	}
}

func TestApply_ReplacesAJobWhoseWorkChanged(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	const job = `
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers:
      - {name: migrate, image: localhost:5000/library/busybox, command: ["true"], resources: {requests: {cpu: "0.01"}}}
`
	first := e.apply(job)
	wantActions(t, e.apply(job), "Job/migrate unchanged")
	second := e.apply(strings.Replace(job, `["true"]`, `[echo, again]`, 1))
	wantActions(t, second, "Job/migrate recreated")
	third := e.apply(strings.Replace(strings.Replace(job, `["true"]`, `[echo, again]`, 1), "backoffLimit: 0", "backoffLimit: 1", 1))
	wantActions(t, third, "Job/migrate recreated")
	if first.Objects[0].UID == second.Objects[0].UID || second.Objects[0].UID == third.Objects[0].UID {
		t.Error("the job is the same")
	}
}

func TestApply_SaysWhatTheClusterRejects(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	_, err := e.try(strings.Replace(web, "name: GREETING", "name: \"\"", 1))
	wantUserError(t, err, "Deployment/web: rejected by the cluster (Invalid)")
	if strings.Contains(failure.Of(err).Summary, "env") || !strings.Contains(err.Error(), "env[0].name") {
		t.Errorf("summary %q, error %v", failure.Of(err).Summary, err)
	}
	_, err = e.try(strings.Replace(web, "kind: Deployment", "kind: Deplyoment", 1))
	wantUserError(t, err, "Deplyoment/web: the cluster does not know this kind")
	_, err = e.try(strings.Replace(settings, "name: settings", "name: settings, namespace: nowhere-"+suffix(), 1))
	wantUserError(t, err, "ConfigMap/settings: there is no namespace nowhere-")
}

func TestApply_RunsAPodInANewNamespace(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	t.Cleanup(func() { e.deleteAll(true) })
	text := strings.ReplaceAll(`
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: NAMESPACE}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: one, image: localhost:5000/library/busybox, command: [sleep, "3600"]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE}
`, "NAMESPACE", b.namespace+"-pod")
	wantActions(t, e.apply(text), "Namespace/"+b.namespace+"-pod created, Pod/one created")
	wantActions(t, e.apply(text), "Namespace/"+b.namespace+"-pod unchanged, Pod/one unchanged")
	wantActions(t, e.apply(strings.Replace(text, "3600", "3601", 1)), "Namespace/"+b.namespace+"-pod unchanged, Pod/one recreated")
}

func TestApply_GivesUpWaitingInTime(t *testing.T) {
	b := newBed(t)
	e := b.environment("dev")
	start := time.Now()
	_, err := e.try(web, func(r *kube.ApplyRequest) { r.Timeout = time.Nanosecond })
	if failure.Of(err).Class != failure.Transient || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("error %v of class %s", err, failure.Of(err).Class)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}
