.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
PY := $(VENV)/bin/python
# Made anew when the lock changes. Not when pyproject.toml does: the package is installed editable.
STAMP := $(VENV)/.installed
PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check
LOCK_TOOLS := $(VENV)/lock-tools
LOCK := $(LOCK_TOOLS)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" pyproject.toml
# The suite is made for two cores; more workers only start more database connections.
WORKERS ?= 2
SEEDS ?= 200

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(STAMP) ## the whole product on recorded candles: no keys, no network
	@$(VENV)/bin/botbox demo

.PHONY: test
test: $(STAMP) ## run the tests, offline (WORKERS=2)
	@$(PY) -m pytest -n $(WORKERS)

.PHONY: lint
lint: $(STAMP) ## check style, formatting and import layers
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(VENV)/bin/lint-imports --no-cache --no-logo

.PHONY: types
types: $(STAMP) ## check types, strictly
	@$(PY) -m mypy

.PHONY: bench
bench: $(STAMP) ## time the slow paths and print a table
	@env -u PYTHONDONTWRITEBYTECODE $(PY) -m bench

.PHONY: simulate
simulate: $(STAMP) ## run the fault simulation over many seeds (SEEDS=200)
	@$(PY) -m tests.simulation --seeds $(SEEDS)

.PHONY: crash
crash: $(STAMP) ## kill every money-moving command at every step (ARGS=--help)
	@$(PY) -m tests.crash $(ARGS)

.PHONY: mutants
mutants: $(STAMP) ## break the code on purpose and show that a test notices (ARGS=--help)
	@$(PY) -m tests.simulation.mutants $(ARGS)

.PHONY: docs
docs: $(STAMP) ## write docs/commands.md, the README's tables and picture, and SQLite's kept SQL anew
	@$(PY) -m tests.support.plans
	@$(PY) -m tests.docs.pages

.PHONY: dev
dev: $(STAMP) ## make the environment in .venv from the lock (PYTHON=python3.12), and see to chromium
	@sh tests/support/chromium.sh

.PHONY: lock
lock: $(STAMP) ## pin every dependency anew, with hashes
	@$(PY) -m venv $(LOCK_TOOLS)
	@$(LOCK_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(LOCK) --extra dev --output-file requirements-dev.lock
	@$(LOCK) --extra chart --extra desk --extra notify --extra postgres --extra web --constraint requirements-dev.lock --output-file requirements.lock

# An interpreter that is found may still not run (a version manager's shim) or lack venv, so each one is tried.
$(STAMP): requirements-dev.lock
	@$(PY) -c 'import pip' 2>/dev/null || { \
	  for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	    "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    echo "Making $(VENV) with $$("$$python" --version) ..." >&2; \
	    exec "$$python" -m venv --clear $(VENV); \
	  done; \
	  echo "error: no Python 3.11 or newer with venv found" >&2; \
	  echo "hint: install one, or name it: make dev PYTHON=/path/to/python3" >&2; \
	  exit 1; }
	@$(PIP_INSTALL) --only-binary :all: --require-hashes -r requirements-dev.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
