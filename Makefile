# Every target sees to its own set-up; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup up test test-unit e2e interop fuzz check fix format bench shell migrations lock

PORT ?= 8000
BIND ?= 127.0.0.1
# Enough for a laptop; each process has its own database.
WORKERS ?= $(shell cores=$$(nproc 2>/dev/null || echo 2); [ $$cores -gt 4 ] && echo 4 || echo $$cores)
TESTS ?= tests
ARGS ?=

BIN := .venv/bin
UV_COMPILE := $(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Install what has changed: Python and JavaScript packages, bundles
	@tools/setup

up: setup ## Start the platform: make up PORT=8000 BIND=127.0.0.1
	@exec $(BIN)/python manage.py up --port $(PORT) --bind $(BIND)

test: setup ## Run every test: make test TESTS=tests/alerts ARGS="-k acknowledge"
	@tools/browser
	@tools/test $(WORKERS) "$(TESTS)" $(ARGS)

test-unit: setup ## Run the tests of pure code
	@$(BIN)/pytest -m unit $(TESTS) $(ARGS)

e2e: setup ## Run the browser tests
	@tools/browser
	@$(BIN)/pytest tests/e2e $(ARGS)

fuzz: setup ## Let the property tests look elsewhere: make fuzz TESTS=tests/monitoring/logql
	@$(BIN)/pytest -n "$(WORKERS)" --dist loadgroup -m hypothesis --hypothesis-profile=exploring $(TESTS) $(ARGS)

interop: setup ## Run the tests against real Prometheus, rsyslog and syslog-ng, which take minutes
	@$(BIN)/pytest -m interop tests/interop $(ARGS)

check: setup ## Lint, types, contracts, migrations, templates, spelling
	@tools/check

fix: setup ## Format and repair what tools can
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

format: fix

bench: setup ## Measure; docs/benchmarks.md has the figures: make bench ARGS=--help
	@$(BIN)/python tests/bench/run.py $(ARGS)

shell: setup ## Open a Python shell on the platform's data
	@$(BIN)/python manage.py shell

migrations: setup ## Write the migrations of changed models: make migrations ARGS="alerts -n add_note"
	@$(BIN)/python manage.py makemigrations $(ARGS)

lock: setup ## Pin the requirements of pyproject.toml, with hashes
	@$(UV_COMPILE) pyproject.toml -o requirements/base.txt
	@$(UV_COMPILE) pyproject.toml --group dev -o requirements/dev.txt
	@echo uv | $(UV_COMPILE) - -c requirements/dev.txt -o requirements/bootstrap.txt
