// Package observe follows what became of the objects that were applied: which pods belong to which resource, and whether it
// is ready.
//
// An Observer watches the namespaces in use, six kinds each, however many resources there are. It is told the whole desired
// state at any time, reconnects for ever, and reports changes of a status only. Rollouts are judged as `kubectl rollout
// status` does; pods are found by owner references and labels as in Tilt (internal/k8s). The package changes nothing in
// the cluster.
package observe
