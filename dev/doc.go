// Package dev is the background server, one per user: an embedded Temporal (package temporal), its UI behind a login
// (package ui), and a control socket by which commands ask for its state, a login link or its end.
//
// `envflow server run` is the only caller of Run. Whoever just needs the server uses internal/server, which starts that
// command. The test cluster (testbed), the benchmarks (bench) and the pinned tools (tools) live below this folder, too,
// but are no part of the product.
package dev
