# Everything a developer or CI does. Each target sets up what it needs; nothing but Python 3.11+,
# git and make has to be on the machine.

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export DAGSTER_DISABLE_TELEMETRY := yes

.PHONY: run test test-long ui check format docs bench lock clean

run: $(READY)  ## the sample province if the inbox is empty, then everything, then the KPI table
	@$(BIN)/dx sample --if-empty
	@$(BIN)/dx run

test: $(READY)  ## the test suite
	@$(BIN)/pytest -n 2

test-long: $(READY)  ## the same properties, with many more examples
	@HYPOTHESIS_PROFILE=long $(BIN)/pytest -n 2 -m "long or not long"

ui: $(READY) $(DAGSTER_HOME)/dagster.yaml  ## Dagster's UI on http://127.0.0.1:3000
	@$(BIN)/dagster dev -h 127.0.0.1 -p $(or $(PORT),3000) -w workspace.yaml

check: $(READY)  ## what CI checks besides the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/dg check yaml
	$(BIN)/dg check defs --log-level warning
	$(BIN)/python -m dx_pipeline.report.dictionary --check

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY)  ## the pages that are generated from declarations
	$(BIN)/python -m dx_pipeline.report.dictionary

bench: $(READY)  ## ratios, each measured within one run
	@$(BIN)/python benchmarks/run.py
	@$(BIN)/python benchmarks/exchanges.py

lock:  ## pin every dependency with its hashes, for every platform, without naming an index
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-annotate --no-header --group dev pyproject.toml -o requirements.lock

clean:  ## what was generated, but for the inbox
	rm -rf .venv .dagster warehouse/landing warehouse/tables warehouse/quarantine warehouse/releases \
		warehouse/current warehouse/.scratch

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "dx-pipeline needs Python 3.11 or newer: install it and try again." >&2; exit 2; }
	@echo "Setting up .venv (once; a minute or two) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	@mkdir -p $(DAGSTER_HOME)
	@cp dagster.yaml $@
