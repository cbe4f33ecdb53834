// Package activities is the parent of the packages that change the world on behalf of workflows, one per family: tiltfile,
// image, kube, compose, process, liveupdate, route and others.
//
// A family is a struct of small interfaces, which the worker fills with real clients and tests with fakes. So no package here
// imports client-go or the docker client. An activity can be run twice with the effect of once: it records what it did after
// the world changed and before it returns. Observation (watches, logs, forwards) is the worker's, not an activity's.
//
// Packages here may import starlark, intercept and internal; worker imports them, workflows only to name their methods.
package activities
