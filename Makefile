# Everything a developer types. `make help` prints itself from the `##` comments.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# The Go that set-up installed where there was none; nothing where there is one.
WITH_GO := PATH="$(CURDIR)/.tools/go/bin:$$PATH"
PY_DIRS := service issuers tests benchmarks tools hooks examples
MYPY_DIRS := service issuers tests benchmarks

# Tests wait as often as they work (for processes, clocks, disks): three for two cores. Dealt
# in stretches (worksteal), so that a module's service is started once and not by each.
TEST_WORKERS ?= $(shell echo $$(( ($$(nproc 2>/dev/null || echo 2) * 3 + 1) / 2 )))

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-faults check lint types imports policy hooks test-hooks \
	hooks-types hooks-highest hooks-lowest images compose-keys e2e prove bench lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything under this folder: .venv, .tools/opa, var/
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed; install it, or set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) tools/setup.py

run: setup ## set up, then start the service on 127.0.0.1:8282 with development keys
	@exec $(BIN)/counterfoil serve --dev

demo: setup ## an AutoGen team on a real PostgreSQL, each action judged: ten seconds, no model key
	@$(PYTHON) tools/setup.py hooks-highest
	@exec env PYTHONPATH=examples .venv-hooks/bin/python -m demo

test: setup ## all tests but those of faults, in parallel, offline
	@$(PYTHON) tools/setup.py tests
	@$(WITH_GO) $(BIN)/pytest -n $(TEST_WORKERS) --dist worksteal -m "not e2e and not prove" --ignore tests/fault

test-faults: setup ## what holds under kills, full disks, broken processes and hostile input
	@$(PYTHON) tools/setup.py tests
	@$(WITH_GO) $(BIN)/pytest -n $(TEST_WORKERS) --dist worksteal -m "not e2e and not prove" tests/fault

check: setup lint types imports policy hooks-types test ## all that must pass first: lint, types, imports, policy, tests; then make test-faults, test-hooks, e2e

lint: setup ## ruff, and the house's own size limits
	@$(BIN)/ruff check --quiet $(wildcard $(PY_DIRS))
	@$(BIN)/ruff format --check --quiet $(wildcard $(PY_DIRS))
	@$(BIN)/python tools/file_length.py

types: setup ## mypy --strict, tests included (the hook's own by make hooks)
	@$(BIN)/mypy $(wildcard $(MYPY_DIRS))

imports: setup ## imports point inwards; the core stays pure
	@$(BIN)/lint-imports

policy: setup ## the Rego policy: format, strict check, tests, coverage
	@$(BIN)/counterfoil policy check
	@$(BIN)/counterfoil policy test

hooks: hooks-types hooks-highest ## the hook for AutoGen: its schemas, types, and tests on the newest AutoGen

test-hooks: hooks-highest hooks-lowest ## the hook's tests on the newest and the oldest AutoGen that it supports

hooks-types: setup
	@$(PYTHON) tools/setup.py hooks-highest
	@$(BIN)/python hooks/tools/sync_schemas.py --check
	@cd hooks && ../.venv-hooks/bin/mypy . ../examples

hooks-highest: setup
	@$(PYTHON) tools/setup.py hooks-highest
	@cd hooks && ../.venv-hooks/bin/pytest -n $(TEST_WORKERS) --dist worksteal -m "not prove"

hooks-lowest: setup
	@$(PYTHON) tools/setup.py hooks-lowest
	@cd hooks && ../.venv-hooks-low/bin/pytest -n $(TEST_WORKERS) --dist worksteal -m "not prove"

images: setup ## build the images of compose.yaml, without a network in the build
	@$(BIN)/python tools/images.py

compose-keys: setup ## make what compose.yaml needs once: an issuer's key pair, the service's keys, a password
	@$(BIN)/python tools/compose_keys.py

e2e: setup ## containers and real servers; Docker, Chromium, Java 17 and mvn at hand, or Debian as root
	@$(PYTHON) tools/setup.py tests
	@$(PYTHON) tools/setup.py hooks-highest
	@$(WITH_GO) $(BIN)/python tools/e2e.py

prove: setup ## the long proofs; writes docs/evidence/*.json
	@$(PYTHON) tools/setup.py tests
	@$(PYTHON) tools/setup.py hooks-highest
	@$(WITH_GO) $(BIN)/pytest -n0 -m prove
	@cd hooks && ../.venv-hooks/bin/pytest -n0 -m prove

bench: setup ## this service beside OPA alone, and what the hook adds to a tool call, on this machine
	@$(PYTHON) tools/setup.py tests
	@$(PYTHON) tools/setup.py hooks-highest
	@$(WITH_GO) $(BIN)/python benchmarks/run.py

lock: setup ## renew requirements/*.txt from pyproject.toml
	@$(BIN)/python tools/lock.py

clean: ## remove what set-up made, but not var/ (keys and ledger)
	@rm -rf .venv .venv-hooks .venv-hooks-low .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
