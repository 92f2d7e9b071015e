# options-platform: `make help` lists what there is.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
# Whole files in the order of options_platform_tests/longest.py.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo demo-stocks test test-long test-all test-dagster ui check bench install lock mlflow docs site clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(STAMP) ## run the whole platform on the bundled sample data
	@OPTIONS_SOURCE=sample OPTIONS_HOME="$${OPTIONS_HOME:-.options}" $(BIN)/options-platform demo

demo-stocks: $(STAMP) ## an earnings season of eight simulated tickers, in a home of its own
	@OPTIONS_HOME="$${OPTIONS_HOME:-.options-stocks}" $(BIN)/options-platform demo --stocks

ui: $(STAMP) ## the Dagster web UI on 127.0.0.1: of options.toml if there is one, else of the demo
	@[ -e options.toml ] || export OPTIONS_SOURCE="$${OPTIONS_SOURCE:-sample}"; \
	  $(BIN)/options-platform ui --port $${PORT:-3000}

mlflow: $(STAMP) ## the MLflow UI on 127.0.0.1, opened on the newest scores of the models
	@[ -e options.toml ] || export OPTIONS_SOURCE="$${OPTIONS_SOURCE:-sample}"; \
	  $(BIN)/options-platform mlflow --port $${PORT:-5000}

test: $(DEV_STAMP) ## the tests, without browser and long runs
	@$(BIN)/python -m pytest -m "not long and not browser" $(WORKERS)

test-long: $(DEV_STAMP) ## the long tests and those with a browser alone
	@$(BIN)/python -m pytest -m "long or browser" $(WORKERS)

test-all: $(DEV_STAMP) ## every test
	@$(BIN)/python -m pytest $(WORKERS)

check: $(DEV_STAMP) ## lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test-dagster: $(DEV_STAMP) ## the event log on the newest release of Dagster
	@$(BIN)/python -m tools.newest_dagster

bench: $(DEV_STAMP) ## the benchmarks, as ratios against a named peer
	@for name in features bookkeeping market_data startup warehouse publishing option_chains option_import pricing \
	    backtest ladder models execution; do echo "== $$name"; \
	  $(BIN)/python -m benchmarks.$$name || exit 1; done

stages: $(DEV_STAMP) ## what each stage of a backfill costs, by the source and tickers of OPTIONS_*
	@$(BIN)/python -m benchmarks.stages --backtest --write

docs: $(DEV_STAMP) ## write the generated pages of docs/
	@$(BIN)/python -m tools.generate_docs

site: $(DEV_STAMP) ## write the documents as a site to site/, with all links checked
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "Open site/index.html; with the search: $(BIN)/python -m http.server -b 127.0.0.1 -d site"

install: $(STAMP) ## install what running needs, from the lock

lock: $(DEV_STAMP) ## resolve pyproject.toml anew into the lock
	@cd $(CURDIR) && $(BIN)/python -m tools.lock

$(STAMP): requirements-run.lock pyproject.toml tools/install.sh
	@tools/install.sh $(VENV) requirements-run.lock
	@touch $@

$(DEV_STAMP): requirements.lock pyproject.toml tools/install.sh
	@tools/install.sh $(VENV) requirements.lock
	@touch $(STAMP) $@

clean: ## remove the virtual environment and caches, never a home
	@rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
