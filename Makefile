# Everything a developer or CI does. Each target sets up what it needs; the machine needs only
# Python 3.11 or newer, git and make.

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
CODE := $(shell find dx_pipeline assets checks benchmarks tests -type f -not -name '*.pyc' 2>/dev/null)
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export DAGSTER_DISABLE_TELEMETRY := yes

.DELETE_ON_ERROR:
.PHONY: help run test test-all test-browser test-long crash fuzz ui check lint format docs docs-site bench bench-parts canary hooks lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  */\1\t/p' Makefile | expand -t 12

run: $(READY)  ## make the sample province if the inbox is empty, run the pipeline, show the KPI table
	@$(BIN)/dx sample --if-empty
	@$(BIN)/dx run

test: $(READY)  ## run the tests that take less than 3 minutes together
	@$(BIN)/pytest -n 2

test-all: $(READY)  ## run the slow tests too: whole provinces, nights, histories, the pages of docs/, attacks
	@$(BIN)/pytest -n 2 -m "not long and not browser"

.coverage: $(CODE) pyproject.toml | $(READY)
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest -n 2 -m "not long and not browser" --cov --cov-report=

test-browser: $(READY)  ## open the report and Dagster's UI in Chromium, which must be installed (Debian: apt-get install chromium)
	@$(BIN)/pytest -n 0 -m browser

test-long: $(READY)  ## run the property tests with many more examples
	@HYPOTHESIS_PROFILE=long $(BIN)/pytest -n 2 -m "not browser"

crash: $(READY)  ## disturb a night N (500) times, and write what came of it into docs/reliability.md
	@PYTHONPATH=tests $$(unshare -Urm true 2>/dev/null && echo unshare -Urm) \
		$(BIN)/python tests/reliability/crash.py --n $(or $(N),500) --write

ui: $(READY) $(DAGSTER_HOME)/dagster.yaml  ## open Dagster's UI on http://127.0.0.1:3000
	@$(BIN)/dagster dev -h 127.0.0.1 -p $(or $(PORT),3000) -w workspace.yaml

check: lint .coverage  ## lint, and run all but the long tests with coverage, which must not fall (only if something changed since)
	$(BIN)/coverage report --format=total

lint: $(READY)  ## check format, types, import layers, SQL, declarations and generated pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/sqlfluff lint --quiet assets dx_pipeline tests
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/dg check yaml $(dir $(shell find assets -name defs.yaml))
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/dg check defs --log-level warning
	$(BIN)/python -m dx_pipeline.report.dictionary --check

format: $(READY)  ## format Python and SQL, and fix what can be fixed by machine
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/sqlfluff fix --quiet assets dx_pipeline tests

docs: $(READY)  ## write the pages that are generated from declarations
	$(BIN)/python -m dx_pipeline.report.dictionary

docs-site: .site/.ready  ## build the documentation site into site/; it loads nothing from outside
	@NO_MKDOCS_2_WARNING=1 .site/bin/mkdocs build --strict --quiet
	@echo "site/index.html"

.site/.ready: pyproject.toml
	@echo "Setting up .site (once; it needs a package index) ..."
	@$(PYTHON) -m venv .site
	@.site/bin/python -m pip install --quiet --upgrade pip
	@.site/bin/python -m pip install --quiet --group docs
	@touch $@

bench: $(READY)  ## compare the whole way with four other programs on ROWS (1000000) rows, PAIRS (5) times; writes docs/performance.md
	@$(BIN)/python -m benchmarks.comparison --rows $(or $(ROWS),1000000) --pairs $(or $(PAIRS),5) --programs "$(PROGRAMS)"

bench-parts: $(READY)  ## measure reading, audits, digests and exchanges each for itself, as ratios within one run
	@$(BIN)/python benchmarks/run.py
	@$(BIN)/python benchmarks/proofs.py
	@$(BIN)/python benchmarks/exchanges.py

fuzz: $(READY)  ## try N (10000) mutated deliveries in every format, and write what came of it into docs/reliability.md
	@PYTHONPATH=tests $(BIN)/python tests/reliability/fuzz.py --n $(or $(N),10000) --seed $(or $(SEED),2022) --write

canary:  ## run the suite on the newest allowed dependencies, and look for known vulnerabilities in the locked ones
	@rm -rf .canary && $(PYTHON) -m venv .canary
	@.canary/bin/python -m pip install --quiet --upgrade pip
	@.canary/bin/python -m pip install --quiet --editable . --group dev pip-audit
	@.canary/bin/pytest -n 2 -m "not long and not browser"
	@.canary/bin/pip-audit --strict --disable-pip --progress-spinner off --requirement requirements.lock \
		> .canary/audit.txt 2>&1 && cat .canary/audit.txt || if grep -qE 'could not be audited|ConnectionError' .canary/audit.txt; \
		then echo "Not checked for known vulnerabilities: the advisory service could not be reached."; \
		else cat .canary/audit.txt; exit 1; fi

hooks: $(READY)  ## let git run `make lint` before a commit and `make check` before a push
	@$(BIN)/pre-commit install

COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header

lock:  ## pin every dependency with its hashes, for every platform, without naming an index
	$(COMPILE) --group dev pyproject.toml -o requirements.lock
	for folder in $(dir $(wildcard benchmarks/competitors/*/requirements.txt)); do \
		$(COMPILE) $${folder}requirements.txt -o $${folder}requirements.lock || exit 1; done

clean:  ## remove what was generated, except the inbox
	rm -rf .venv .canary .site site .bench .dagster .coverage* warehouse/landing warehouse/tables warehouse/quarantine \
		warehouse/releases warehouse/current warehouse/internal warehouse/last_run.json warehouse/.scratch

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
