// Package records is what an environment knows about the world: what was built, applied and synced, in one SQLite file.
//
// The worker of the environment is the only writer; commands open the file read-only while it writes. A method that puts
// something returns when it is on the disk, so that a record written before an activity returns survives kill -9 and a loss
// of power. Nothing here is the only truth: each record can be won back by looking at images, objects and containers. So a
// file that is damaged, or was written by a newer envflow, is moved aside and a new one is begun (Store.Notice says so), and
// a record that is missing means "look again", never "nothing there".
//
// Records may hold secrets (manifests do): the file has mode 0600. It is no store for logs (internal/logstore) and knows
// neither Temporal nor Kubernetes.
package records
