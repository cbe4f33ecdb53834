// Package api is the family of builtins of the module v1alpha1: they register objects of Tilt's API, such as buttons and commands,
// and make the values that these objects are made of.
//
// All of them come from one table (table.go): it says what each takes, what it becomes in the plan, and what people are told of it.
// To add one, add an entry.
//
// It checks objects and does nothing with them. A family that has to know of an object when it is registered calls OnObject.
package api
