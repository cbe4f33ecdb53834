// Package lint finds what is wrong in Starlark files by reading them: nothing of them is executed.
//
//	report := lint.Files([]string{"/src/shop/Tiltfile"}, builtins)
//	for _, f := range report.Findings {
//		fmt.Printf("%s:%d:%d: %s [%s]\n", f.File, f.Line, f.Column, f.Message, f.Rule)
//	}
//
// It finds only what is so whatever the files compute. What takes an evaluation is found by package starlark.
package lint
