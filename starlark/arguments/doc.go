// Package arguments is what the builtins that define resources have in common: the arguments links, labels and trigger_mode, and
// link itself.
//
// The families k8s and local use it. It defines no resource.
package arguments
