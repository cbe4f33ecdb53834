# envflow: build, test, lint. `make` alone lists the targets; CONTRIBUTING.md says when to use which.

# Recipes need bash for pipefail, without which `a | b` succeeds although a failed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# A target whose recipe failed must not look finished to the next run.
.DELETE_ON_ERROR:

# One value for build, tests and lint. Both are part of the key of Go's build cache, so a second value compiles Temporal and
# the Kubernetes client a second time: 10 to 15 minutes on two cores. `make env` prints them for commands typed by hand.
# -trimpath: the binary does not depend on the folder it was built in. -buildvcs=false: the version is stamped below, and Go's
# own stamping fails where git does not trust the owner of the tree.
export GOFLAGS := -trimpath -buildvcs=false
# No C compiler is needed to build envflow, and the binary runs on any libc. Only the race detector turns it on again.
export CGO_ENABLED := 0

# The packages that test, test-short and test-long run; PKG=./internal/... makes a run short while working on one room.
PKG ?= ./...
# What `cross` compiles for: each family of operating system, and arm64, which most laptops are by now.
CROSS ?= linux/arm64 darwin/arm64 windows/amd64
# A test binary that takes longer hangs; Go's own default of 10 minutes is too short for the long tests.
TEST_TIMEOUT ?= 15m
export TEST_TIMEOUT

# The tools live in a module of their own, so that their dependencies never move a version of the product's.
TOOL := go tool -modfile=dev/tools/go.mod

# What the binary says of itself. Lazy (=), so that only `build` asks git; every one has a value in a tree without commits or
# without git. DATE is the commit's, in UTC, because the time of building would make two builds of one commit differ.
VERSION = $(or $(shell git describe --tags --match 'v*' --dirty 2>/dev/null | sed 's/^v//'),dev)
COMMIT = $(or $(shell git rev-parse --verify --quiet HEAD 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || test $$? -ne 1 || echo -dirty),unknown)
DATE = $(or $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null),unknown)
STAMP := github.com/envflow/envflow/internal/version
# -s -w leave out the symbol table and DWARF, a third of the file; stack traces keep their lines.
LDFLAGS = -s -w -X $(STAMP).Version=$(VERSION) -X $(STAMP).Commit=$(COMMIT) -X $(STAMP).Date=$(DATE)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build bin/envflow and bin/envflow-agent (static, reproducible)
	go build -ldflags '-s -w' -o bin/envflow-agent ./cmd/envflow-agent # without a version: it is known by its content
	gzip -9nc bin/envflow-agent >internal/agent/embedded/$$(go env GOOS)_$$(go env GOARCH).gz
	go build -ldflags '$(LDFLAGS)' -o bin/envflow ./cmd/envflow

# Where the demo runs: auto, kubernetes or local. CONTRIBUTING.md says what auto takes.
DEMO ?= auto
.PHONY: demo
demo: build ## Bring up the example shop, buy, edit, kill -9, go on (DEMO=auto, kubernetes or local)
	go run ./dev/demo $(DEMO)

.PHONY: test
test: build ## Run every test; sets up all they need on a Debian machine (root), elsewhere see ENVFLOW_TEST_CONTEXT
	dev/tools/test.sh test $(PKG)

.PHONY: test-short
test-short: ## Run the hermetic tests: no network, no docker, no cluster, no server
	go test -short -shuffle=on $(PKG)

.PHONY: test-long
test-long: build ## Run every test, also those that take over a minute (ENVFLOW_TEST_LONG=1)
	ENVFLOW_TEST_LONG=1 TEST_TIMEOUT=60m dev/tools/test.sh test $(PKG)

# A checkout of a repository of extensions, as of github.com/tilt-dev/tilt-extensions; ours alone if it is not given.
EXT ?= starlark/testdata/extensions
.PHONY: test-extensions
test-extensions: ## Say which extensions of EXT=DIR load, and make a plan; needs no network and no cluster
	EXT=$(abspath $(EXT)) go test -count=1 -v -run '^TestExtensions_OfACheckout$$' ./starlark
	EXT=$(abspath $(EXT)) go test -count=1 -run '^TestCases$$/^extensions$$' ./starlark

.PHONY: testbed
testbed: ## Start, adopt or repair this machine's docker engine, registry and Kubernetes (Debian, root)
	go run ./dev/testbed up

.PHONY: testbed-down
testbed-down: ## Stop this machine's testbed; its cached binaries stay
	go run ./dev/testbed down

.PHONY: bench
bench: build ## Run the Go benchmarks, the measurements of the embedded server, and the dev loop with 1 and 20 services
	dev/tools/test.sh bench $(PKG)
	go run ./dev/testbed up
	dev/bench/loop.sh

.PHONY: lint
lint: ## Check everything that needs no run: linters, workflow determinism, tidy modules, conventions
	dev/tools/lint.sh

.PHONY: fmt
fmt: ## Format all Go files (gofumpt, gci)
	$(TOOL) golangci-lint fmt

.PHONY: cross
cross: ## Compile the commands for the other systems (slow when cold: everything once per system)
	for target in $(CROSS); do \
		echo "cross $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} go build -o /dev/null ./cmd/...; \
	done

.PHONY: histories
histories: ## Record the workflow histories anew that the replay tests run over; commit them with the change
	UPDATE_HISTORIES=1 go test -count=1 -run '^TestHistories' ./workflows

.PHONY: env
env: ## Print the Go settings of this file; eval "$(make -s env)" shares its build cache
	@echo 'export GOFLAGS="$(GOFLAGS)" CGO_ENABLED=$(CGO_ENABLED)'

.PHONY: clean
clean: ## Stop the test server, remove bin and .testenv; the testbed and Go's caches stay
	dev/tools/test.sh stop
	rm -rf bin .testenv
