// Package proc starts the testbed's daemons so that they outlive whoever started them, and finds them again later.
//
// A daemon is known by a pid file that also holds the start time of the process and the boot it belongs to, so a
// recycled process number is never taken for the daemon. The package reads /proc and therefore only works on Linux;
// elsewhere it compiles and its functions return errors. Only dev/testbed imports it. Its functions may be called
// from several goroutines as long as no two of them handle the same pid file.
package proc
