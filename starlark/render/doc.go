// Package render is the family of builtins that make manifests of charts and kustomizations: helm and kustomize.
//
// Both work without the programs of that name: what they return is byte for byte what `helm template` and `kustomize build` of
// the version in go.mod print. A kustomization that wants plugins or flags is given to the program.
//
// Everything that a rendering reads or looks for is noted as a config file. A rendering is reused as long as all that is the same.
package render
