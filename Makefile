# Every target sets up what it needs: python3 (3.11 or newer, with venv and pip) and make are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A file stays on one worker: what its tests share (a venue process, a bot) is made once.
PYTEST_ARGS ?= -n 3 --dist loadfile

# Two stamps: the demo needs the product only, the checks need the tools as well.
CORE := $(VENV)/core.stamp
DEV := $(VENV)/dev.stamp
ROOMS := messages supervision actors simulation bot
LAYOUT := build/layout/ganglion
BENCHMARKS = $(patsubst benchmarks/%.py,benchmarks.%,$(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint format types imports bench setup clean

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(CORE)  ## two local venues, one bot on both, and what it survives (no keys, no network)
	$(BIN)/ganglion demo

test: $(DEV)  ## the whole suite
	$(BIN)/pytest $(PYTEST_ARGS)

lint: $(DEV)  ## format check, ruff, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

format: $(DEV)  ## let ruff format the code
	$(BIN)/ruff format .

types: $(DEV) $(ROOMS:%=$(LAYOUT)/%)  ## mypy, strict
	$(BIN)/mypy $(ROOMS:%=-p ganglion.%)

bench: $(DEV)  ## every benchmark, each with its table; fails if one misses what is required
	@failed=0; for module in $(BENCHMARKS); do \
		echo "== $$module"; $(BIN)/python -m $$module || failed=1; done; exit $$failed

setup: $(DEV)  ## the environment in .venv, with the tools

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(CORE): pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is %s: make PYTHON=python3.11 ..." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(DEV): $(CORE)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

# A folder of links under the import names: mypy resolves by path and cannot follow an editable install.
$(LAYOUT)/%:
	@mkdir -p $(LAYOUT)
	@ln -sfn ../../../$* $@
