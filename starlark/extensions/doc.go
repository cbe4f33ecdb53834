// Package extensions finds what load('ext://name') names: Tiltfiles in git repositories or folders that others share.
//
// A repository is fetched with the git binary into Options.DataDir, and each commit is checked out once into a folder that never
// changes afterwards: a running evaluation sees one state. envflow.lock beside the main Tiltfile pins repositories to commits.
package extensions
