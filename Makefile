# The same commands for people and for CI. `make` alone lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Tests wait for as long as they compute: real processes, sockets and pauses.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) * 3 // 2)')
READY  := $(VENV)/.ready
PINNED := runtime emulator dev build

.DEFAULT_GOAL := help
.PHONY: help setup demo test crashlab model bench lint audit lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

# --no-compile: msgraph-sdk holds thousands of modules of which a run imports a few dozen.
$(READY): requirements/dev.txt pyproject.toml
	@echo "Installing what the project needs into $(VENV)/: a minute, once."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --require-hashes --only-binary :all: -r requirements/dev.txt
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --no-deps --no-build-isolation -e .
	@touch $@

setup: $(READY)  ## create .venv with everything the project needs, pinned and hashed

demo: $(READY)  ## the whole story against the embedded emulator
	$(BIN)/reconciler demo

test: $(READY)  ## all tests that need no browser, with the branch coverage of reconciler/
	@echo "Some 6,000 tests with real processes and sockets: about twenty minutes on two cores."
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup --cov --cov-report term-missing:skip-covered

crashlab: $(READY)  ## kill apply at both sides of every request, and judge what the next run makes of it
	$(BIN)/python -m tests.crashlab
	$(BIN)/python -m tests.property.apply_machine

model: $(READY)  ## explore the world around one guest's change, on the real rules
	$(BIN)/python -m tests.model

bench: $(READY)  ## measure, as ratios in one run
	for each in benchmarks/*.py; do echo "== $$each"; $(BIN)/python $$each || exit 1; done

lint: $(READY)  ## ruff, mypy, import contracts, declared dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

audit: $(READY)  ## what is known against the pinned packages and the workflows; asks PyPI and GitHub
	$(BIN)/pip-audit --disable-pip --require-hashes $(foreach each,$(PINNED),-r requirements/$(each).txt)
	$(BIN)/zizmor --persona=pedantic --no-progress .github action.yml

# No index addresses: what is pinned is the same wherever it comes from. Each file agrees with the one before.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock'

lock: $(READY)  ## pin and hash the requirements anew
	$(LOCK) -o requirements/runtime.txt pyproject.toml
	$(LOCK) --extra emulator -c requirements/runtime.txt -o requirements/emulator.txt pyproject.toml
	$(LOCK) --extra emulator --group dev -c requirements/emulator.txt -o requirements/dev.txt pyproject.toml
	$(LOCK) --group build -c requirements/dev.txt -o requirements/build.txt

clean:  ## remove what the targets above made
	rm -rf $(VENV) .reconciler .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis dist htmlcov
