// Package starlark evaluates a Tiltfile and returns a plan: plain data that says which images, objects, services and local
// commands an environment has. It follows Tilt's language, so that existing Tiltfiles work unchanged.
//
//	result, err := starlark.Evaluate(ctx, starlark.Options{Path: "/src/shop/Tiltfile", Subcommand: "up", KubeContext: "kind-dev"})
//	if err != nil {
//		fmt.Fprintln(stderr, err) // Tiltfile:3:1: docker_build: ..., the line, the callers, a hint
//		watch(starlark.ConfigFilesOf(err))
//	}
//
// The evaluator is small; each family of builtins is a plugin in a package of its own, on top of package kit. To add a builtin,
// register it in its family and describe it in builtins.md there; to add a family, list it in families.go. Evaluation reads files,
// runs the commands that the Tiltfile asks for and fetches the extensions that it loads, and touches no cluster, engine or server.
//
// A Cache given to each evaluation of a Tiltfile makes those after the first fast: what is made from files that did not change is
// not made again.
//
// A path in Plan.ConfigFiles that ends in a slash stands for a folder with all that is below it, any other for that path alone.
//
// It may import internal/plan and nothing else of envflow; activities and worker import it.
package starlark
