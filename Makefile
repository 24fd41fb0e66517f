# Everything a contributor or CI does is a target here; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PLUGINS := nodehealth auditpolicy certgen logarch
VERSION ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null || echo v0.1.0-dev)

# One value everywhere, so that every build and test shares one build cache,
# and so that the binaries need no C library.
export CGO_ENABLED := 0

.PHONY: help
help: ## Show the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the four plugins into bin/
	@hack/build.sh $(VERSION)

.PHONY: demo
demo: ## Build, then run each plugin's main job on examples/ (no cluster needed)
	@hack/demo.sh

.PHONY: test
test: ## Run all tests: unit, command scripts, peers, real cluster (installs and builds what it needs)
	@hack/test.sh

.PHONY: test-unit
test-unit: ## Run the quick tests only: unit and command scripts
	go test $(PLUGINS:%=./plugins/kubectl-%/...) ./shared/...

.PHONY: bench
bench: build ## Measure the speed and memory claims, each as a ratio in one run
	@hack/bench.sh

.PHONY: lint
lint: ## Check formatting, vet, dependency direction, what is written twice, scripts and house rules
	@hack/lint.sh

.PHONY: lint-full
lint-full: ## Run golangci-lint on every module too (ten minutes to build the first time)
	@hack/lint.sh
	@hack/golangci.sh

.PHONY: race
race: ## Run the quick tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -short $(PLUGINS:%=./plugins/kubectl-%/...) ./shared/...

.PHONY: test-windows
test-windows: ## Run the unit tests as Windows programs under wine
	@hack/test-windows.sh

.PHONY: test-oldest
test-oldest: ## Run the clusters' main tests on the oldest Kubernetes that is supported here
	@hack/test-version.sh v1.34.4

.PHONY: docs
docs: ## Rewrite the generated pages: checks, commands, manuals, errors, licences
	go test $(PLUGINS:%=./plugins/kubectl-%/internal/cmd) -run Docs -update
	GOWORK=off go -C hack run ./house errors ..
	GOWORK=off go -C hack run ./house licenses ..

.PHONY: pictures
pictures: ## Make the README's pictures anew, from real runs
	GOWORK=off go -C test test ./pictures -update

.PHONY: cluster-up
cluster-up: ## Start a real test cluster (Linux, root) and print its KUBECONFIG line
	@GOWORK=off go -C test run ./cmd/cluster up

.PHONY: cluster-down
cluster-down: ## Stop the test cluster
	@GOWORK=off go -C test run ./cmd/cluster down

.PHONY: dist
dist: ## Build the release archives for six platforms, checksums, SBOM and krew manifests
	@hack/dist.sh $(VERSION)

.PHONY: clean
clean: ## Remove what the targets above made in this folder
	rm -rf bin dist
