//go:build race

package render_test

// bigObjects is a tenth of what it is without the race detector, which takes a minute for the whole.
const bigObjects = 20
