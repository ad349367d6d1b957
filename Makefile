.DEFAULT_GOAL := help
LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what is missing: PostgreSQL, the engines that read files, a C compiler, Redoc's script
	@scripts/setup

.PHONY: build
build: setup ## Build bin/ticketd
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/ticketd ./cmd/ticketd

.PHONY: run
run: build ## Build, start and print a tour: API, WebSocket and docs on :8000
	@exec bin/ticketd serve

.PHONY: check
check: lint generated test ## What CI runs; run it before every commit

.PHONY: lint
lint: ## Formatting, go vet and golangci-lint
	$(LINT) fmt --diff
	go vet ./...
	$(LINT) run

.PHONY: unit
unit: ## The tests that need nothing but Go: seconds
	go test -short ./...

.PHONY: test
test: setup ## Every test, with the race detector, on a real PostgreSQL; then the coverage
	@go run ./cmd/testdb scripts/test

.PHONY: bench
bench: setup ## The benchmarks, each beside the limit it is measured against
	go run ./bench

.PHONY: fuzz
fuzz: ## A minute of fuzzing for each fuzz target
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "$$target in $$(dirname "$$file")"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime 60s "$$(dirname "$$file")"; \
		done; \
	done

.PHONY: golden
golden: ## Write golden files for new events, routes, rows and tools; read the diff before committing
	UPDATE_GOLDEN=1 go test ./eventstore/catalog ./adapters/http
	UPDATE_GOLDEN=1 go test -run TestToolsStayAsTheyWerePublished ./adapters/mcp
	UPDATE_GOLDEN=1 go test -run TestRowsChangeOnlyWithTheirCode ./projections

.PHONY: generate
generate: build ## Write the documents that are made from the code
	bin/ticketd openapi > docs/openapi.json
	bin/ticketd permissions --markdown > docs/permissions.md
	bin/ticketd tools --markdown > docs/mcp.md

.PHONY: generated
generated: generate ## Check that the generated documents are committed as they are
	git diff --exit-code docs/openapi.json docs/permissions.md docs/mcp.md

.PHONY: feature
feature: ## Every file of one noun: make feature NAME=ticket
	@git ls-files --cached --others --exclude-standard | grep -E '(^|/)$(or $(NAME),$(error say which: make feature NAME=ticket))(_[a-z]+)*(/|\.)'
