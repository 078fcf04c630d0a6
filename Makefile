PYTHON ?= python3
VENV := .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
STAMP := $(VENV)/.setup-done

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-locked lock demo studio test test-slow test-clients test-extras doctest docs test-docs dist bench compare ablation figures lint check format clean

help:  ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)  ## Create .venv and install GCGen in it; nothing is installed twice

setup-locked: $(BIN)/python  ## The same from requirements-lock.txt: every package by its SHA-256
	$(BIN)/python -m pip install --require-hashes -r requirements-lock.txt
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check
	@touch $(STAMP)

lock: $(STAMP)  ## Write requirements-lock.txt and THIRD_PARTY.md anew, for constraints.txt
	test -d $(VENV)-lock || $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/$(SCRIPTS)/python -m pip install -q uv
	$(VENV)-lock/$(SCRIPTS)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --custom-compile-command 'make lock' --extra dev setup.cfg -c constraints.txt -o requirements-lock.txt
	$(BIN)/python -m tests.licences

demo: $(STAMP)  ## Train on digits for three minutes; files in runs/demo/
	$(BIN)/python -m examples.demo

studio: $(VENV)/.with-studio  ## Draw with an S-agent, in a page of the browser
	$(BIN)/python -m agents.cli studio

test: $(STAMP)  ## Run the default tests
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: $(STAMP)  ## Run the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-clients: $(STAMP)  ## Test other libraries with the environments, in .venv-clients
	test -d $(VENV)-clients || $(PYTHON) -m venv $(VENV)-clients
	$(VENV)-clients/$(SCRIPTS)/python -m pip install -q -c constraints.txt -e '.[dev,clients,offline,ray,submitit,tune,video]'
	$(VENV)-clients/$(SCRIPTS)/python -m pytest -m client tests/clients
	$(VENV)-clients/$(SCRIPTS)/python -m pytest tests/agents/benchmark tests/agents/offline tests/agents/cli/test_dataset.py tests/agents/cli/test_tune.py tests/gcgen_env/viewer/test_film.py

test-extras: $(STAMP)  ## Test what needs further libraries: figures of samples, the comparison, trackers, the studio in Chromium
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[evaluation,compare,mlflow,offline,studio,wandb]' prdc playwright
	$(BIN)/python -m pytest -m extra
	$(BIN)/python -m pytest tests/agents/studio

doctest: $(STAMP)  ## Run the examples in the docstrings
	$(BIN)/python -m pytest --doctest-modules gcgen_env agents

docs: $(VENV)/.with-docs  ## Build the site in build/site, with tutorials executed and links checked
	rm -rf build/site build/site-doctrees  # executed tutorials are kept in build/site-executed
	$(BIN)/python -m sphinx -W --keep-going -q -j 2 -b html -d build/site-doctrees docs build/site
	$(BIN)/python -m docs.sphinx_extensions.check_links build/site

test-docs: $(VENV)/.with-docs  ## Run the notebooks and the examples of the algorithm pages
	$(BIN)/python -m pytest -m site tests/docs

dist: $(STAMP)  ## Build the sdist and the wheel in dist/
	$(BIN)/python -c "from setuptools import build_meta as b; print(b.build_sdist('dist'), b.build_wheel('dist'))"

bench: $(VENV)/.with-bench  ## Measure speed and memory; takes a few minutes
	$(BIN)/python -m benchmarks.speed

compare: $(VENV)/.with-compare  ## Compare five generative models on MNIST; takes an hour and more
	$(BIN)/python -m benchmarks.compare

ablation: $(VENV)/.with-bench  ## Compare the parts of the method on digits; takes half an hour
	$(BIN)/python -m benchmarks.ablation

figures: $(STAMP)  ## Draw all pictures of README and docs/ again; takes an hour and more
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[bench,compare,studio]' playwright
	$(BIN)/python -m benchmarks.figures --all

lint: $(STAMP)  ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint doctest test  ## Run every check that a change must pass

format: $(STAMP)  ## Format the code and apply automatic fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove caches and build products, but not .venv and runs/
	rm -rf build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find gcgen_env agents benchmarks examples tests -type d -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "GCGen needs Python 3.11 or newer, and '$(PYTHON)' is older or missing: choose another, for example 'make setup PYTHON=python3.11'." >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): $(BIN)/python setup.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/.with-%: $(STAMP)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[$*]'
	@touch $@
