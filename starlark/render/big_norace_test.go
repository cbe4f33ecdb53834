//go:build !race

package render_test

// bigObjects of 100 kB are 20 MB.
const bigObjects = 200
