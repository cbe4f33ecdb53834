// Package later is the family of Tilt's builtins that this version of envflow does not have. Calling one says so, which is
// better than "undefined".
package later
