# `make demo` sets everything up and runs the main job; `make test` sets everything up and passes the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# the system's pip installs into the environment: Debian's Python makes none of its own unless python3-venv is there
PIP := $(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python install --quiet
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help setup setup-dev demo test lint test-fast test-slow format benchmark clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/.installed: requirements.txt setup.py
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PIP) --no-compile --requirement requirements.txt
	-$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib  # on all processors: pip would use one
	$(PIP) --no-deps --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(PIP) --requirement requirements-dev.txt
	touch $@

setup: $(VENV)/.installed  ## a virtual environment with the pinned requirements

setup-dev: $(VENV)/.installed-dev  ## the same, with what the tests need

demo: setup  ## train on moving-ball videos for some minutes and compare three models
	$(BIN)/python -W ignore -m run_experiments.demo

test: setup-dev lint test-fast  ## lint, types and tests

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# tests of a file share what they prepare; files go to two processes, in their order, which ends with short ones
test-fast: setup-dev
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --durations=10

test-slow: setup-dev  ## the full-scale checks as well
	$(BIN)/python -m pytest -m "slow or not slow"

format: setup-dev  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# one of them alone: make benchmark BENCHMARKS=gp_forms
BENCHMARKS ?= step_time epochs settings decoders time_per_image gp_forms gp_scaling conditioning

benchmark: setup  ## measure time and memory anew, into results/ and the tables of benchmarks/README.md (half an hour)
	set -e; for name in $(BENCHMARKS); do $(BIN)/python -W ignore -m benchmarks.$$name --output=results/$$name.json; done
	$(BIN)/python -W ignore -m benchmarks.tables

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache *.egg-info
