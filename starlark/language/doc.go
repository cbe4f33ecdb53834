// Package language is the family of builtins that belong to the language itself: other files (include, load_dynamic), messages
// (warn, fail, exit), and values (struct, module). print and load are the interpreter's own.
package language
