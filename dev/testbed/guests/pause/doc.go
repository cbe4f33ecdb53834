// Command pause is the first process of every pod on the testbed: it holds the pod's namespaces open and reaps what
// other processes leave when they share its process namespace. It only runs in the Linux containers of the testbed.
package main
