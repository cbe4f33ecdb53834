// Package deploy holds the activities that apply and delete Kubernetes objects.
package deploy
