.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# Two cores serve the suite; more workers start more database servers than they save.
WORKERS ?= 2
SEEDS ?= 20
UV_VENV := $(VENV)/lock-tools

# The first interpreter that really runs and is new enough: a version manager's shim may exist and still fail.
define find_python
for name in "$$BOTBOX_PYTHON" python3.13 python3.12 python3.11 python3 python; do \
  [ -n "$$name" ] || continue; \
  "$$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$name"; exit 0; }; \
done; \
echo "botbox needs Python 3.11 or newer with venv; none of python3.13, 3.12, 3.11, python3, python runs here." >&2; exit 1
endef

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): requirements-dev.lock pyproject.toml
	@python=$$($(find_python)) && echo "Building $(VENV) with $$($$python --version) ..." && "$$python" -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: dev
dev: $(STAMP) ## the environment in .venv, pinned by the lock

.PHONY: demo
demo: $(STAMP) ## the whole product on bundled candles: no keys, no network
	@$(VENV)/bin/botbox demo

.PHONY: test
test: $(STAMP) ## the test suite, offline, in parallel
	@$(PY) -m pytest -n $(WORKERS)

.PHONY: lint
lint: $(STAMP) ## style and import layers
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(VENV)/bin/lint-imports

.PHONY: types
types: $(STAMP) ## mypy, strict
	@$(PY) -m mypy

.PHONY: bench
bench: $(STAMP) ## speed table: medians of 5
	@env -u PYTHONDONTWRITEBYTECODE $(PY) -m bench

.PHONY: lock
lock: $(STAMP) ## pins every dependency anew, with hashes
	@$(PY) -m venv $(UV_VENV) && $(UV_VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(UV_VENV)/bin/uv pip compile pyproject.toml --extra dev $(LOCK_FLAGS) --output-file requirements-dev.lock
	@$(UV_VENV)/bin/uv pip compile pyproject.toml --extra postgres $(LOCK_FLAGS) --constraint requirements-dev.lock --output-file requirements.lock
