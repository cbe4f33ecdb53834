// Package deploy holds the activities that apply and delete Kubernetes objects.
//
// What was applied is recorded by resource. A record that is missing is won back from the label and the annotations of the
// objects that are in the cluster.
package deploy
