// Package kit is what the families of builtins share: one evaluation (Run), one call of a builtin (Call), the conversion of
// Starlark values, and errors that know where in a Tiltfile they happened.
//
// A family is a package with a New(run) that registers its builtins with Run.Builtin and Run.Value, keeps its state to itself,
// and adds what it found to Run.Plan in a function given to Run.OnAssemble. It runs no Starlark of its own and reads files only
// through Run, which notes them as config files.
package kit
