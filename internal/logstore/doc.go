// Package logstore keeps the log of an environment: what builds print, what runs in containers prints, events of the cluster,
// and what envflow has to say.
//
// A log is a folder of segments, files of JSON lines that are only appended to. The worker writes, any number of commands
// read at the same time, and none needs the other. Within 200 ms a line is in its file; kill -9 loses no more, and a line
// that was cut off is passed over. Whoever appends has taken secrets out of the text.
//
// It is no record of what was done (internal/records): the oldest lines are dropped when there are too many.
package logstore
