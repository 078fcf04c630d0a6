PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-slow test-clients doctest bench lint check format clean

help:  ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)  ## Make .venv and install GCGen in it; a second call installs nothing

demo: $(STAMP)  ## Run the demonstration
	$(BIN)/python -m examples.demo

test: $(STAMP)  ## Run the default tests
	$(BIN)/python -m pytest

test-slow: $(STAMP)  ## Run the slow tests
	$(BIN)/python -m pytest -m slow

test-clients: $(STAMP)  ## Run other libraries on the environments, in an environment of their own
	test -d $(VENV)-clients || $(PYTHON) -m venv $(VENV)-clients
	$(VENV)-clients/bin/python -m pip install -q -c constraints.txt -e '.[dev,clients,ray,submitit]'
	$(VENV)-clients/bin/python -m pytest -m client tests/clients
	$(VENV)-clients/bin/python -m pytest tests/agents/benchmark/test_launchers.py

doctest: $(STAMP)  ## Run the examples of the docstrings
	$(BIN)/python -m pytest --doctest-modules gcgen_env agents

bench: $(STAMP)  ## Measure speed and memory against their targets
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks.speed

lint: $(STAMP)  ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint doctest test  ## Run everything a change has to pass

format: $(STAMP)  ## Format the code and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove caches and build products; .venv and runs/ stay
	rm -rf build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find gcgen_env agents benchmarks examples tests -type d -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "GCGen needs Python 3.11 or newer, and '$(PYTHON)' is older or missing: name another, as in 'make setup PYTHON=python3.11'." >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): $(BIN)/python setup.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@
