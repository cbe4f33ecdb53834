// Package lsp is a language server for Tiltfiles: it tells an editor, over stdin and stdout, what builtins there are, what they take,
// where a name is defined and what is wrong with a file.
//
//	err := lsp.Serve(ctx, lsp.Options{In: os.Stdin, Out: os.Stdout, Docs: docs})
//
// It never evaluates, runs or fetches anything; it reads the files that are open in the editor and those that they load.
//
// From bytes to answers:
//
//   - frame.go, queue.go, handle.go and protocol.go take messages apart and answer them; sync.go keeps the documents. Mistakes are looked
//     for when no message waits, which makes a fast typist wait for nothing.
//   - text.go knows the positions of editors, uri.go their names of files.
//   - tokens.go, statements.go and outline.go take a file apart. A file that is being typed is broken most of the time, and the parser of
//     Starlark stops at the first error, so all answers but mistakes are made of tokens: any text has them.
//   - lookup.go, meaning.go, call.go, reference.go and load.go say what stands at a place and what it means, also in other files.
//   - complete.go, signature.go, hover.go, define.go, symbols.go and diagnose.go are the questions of an editor.
//
// The little of the Language Server Protocol that is needed is written here: libraries for it bring all of it.
//
// It may import starlark/kit and nothing else of envflow; worker imports it. All work but reading is done by one goroutine.
package lsp
