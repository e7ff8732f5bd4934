# What people and CI run. `make test` is the whole check; see .ci/ for its parts.

SHELL := /bin/bash
GO    ?= go

# Checked by a tool of a fixed version; make lint says so when it cannot be had.
export STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

FUZZTIME ?= 30s
OUT      ?= tour

.PHONY: test lint fuzz tour screenshots install-deps

# Quick packages first, then everything under the race detector (unit tests,
# fuzz seeds, SoftHSM, the journeys of cmd/mohr), then the build without cgo,
# then every fuzz target for so many inputs. The time limit is of one package,
# against one that hangs: a slow machine must not meet it.
test: install-deps lint
	$(GO) test -timeout 60m ./internal/...
	$(GO) test -race -timeout 60m ./...
	CGO_ENABLED=0 $(GO) test ./hsm
	CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/mohr
	.ci/fuzz 2000x
	@.ci/deps --remind

# Form, vet, module files, and staticcheck where it can be had.
lint:
	.ci/lint

# Every fuzz target for FUZZTIME (30s, or 100000x).
fuzz:
	.ci/fuzz $(FUZZTIME)

# All journeys against a service of its own; every artifact stays in OUT.
tour:
	$(GO) run ./cmd/mohr tour --out $(OUT)

# Pictures of the main pages, in both languages and sizes, light and dark.
screenshots: install-deps
	mkdir -p docs/screenshots
	$(GO) test ./cmd/mohr -run 'InABrowser' -args -shots $(CURDIR)/docs/screenshots

# The Debian packages that the tests need.
install-deps:
	.ci/deps
