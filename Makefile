# Every command of the project. Needs Python 3.11 or newer, make and a C library; never root.
.DEFAULT_GOAL := help
.PHONY: help setup demo up test quick check sim chaos fuzz bench docs lock

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Arguments for a command: make demo ARGS="--keep", make test ARGS="-k money"
ARGS ?=

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(STAMP) ## make .venv, or bring it up to date

# What the environment consists of; a change to any of these installs again.
$(STAMP): pyproject.toml requirements/dev.txt requirements/uv.txt requirements/install.sh
	@sh requirements/install.sh $(VENV)
	@touch $@

demo: $(STAMP) ## the whole product in one minute
	@$(BIN)/ncash demo $(ARGS)

up: $(STAMP) ## start the whole stack and stay; Ctrl-C stops it
	@$(BIN)/ncash up $(ARGS)

bench: $(STAMP) ## the sustained rate through everything
	@$(BIN)/ncash bench pipeline $(ARGS)

# Tests wait for services more than they compute, so one process more than two cores; a file stays
# in one process, which starts its services once. JOBS=0 runs all in this one.
JOBS ?= 3

test: $(STAMP) ## every test
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --session-timeout=2700 --durations=10 $(ARGS)

quick: $(STAMP) ## the pure tests, under a minute
	@$(BIN)/python -m pytest $(wildcard tests/unit tests/property tests/sim) -m "not slow" -q $(ARGS)

# One seed, or with SEEDS=n so many from there; what fails prints how to see it again.
SEED ?= 1
SEEDS ?= 1
sim: $(STAMP) ## simulate everything with faults: make sim SEED=7, or SEEDS=1000
	@$(BIN)/ncash sim --seed $(SEED) --seeds $(SEEDS) $(ARGS)

chaos: $(STAMP) ## break the real stack under load: make chaos ARGS="--seed 7 --minutes 20"
	@$(BIN)/ncash chaos $(ARGS)

# All parsers, or PARSER=name, so many seconds each. The first that breaks ends it.
PARSER ?=
FUZZ_S ?= 20
fuzz: $(STAMP) ## look for bytes that a parser cannot bear: make fuzz PARSER=cursor FUZZ_S=600
	@for each in $(or $(PARSER),$$($(BIN)/python -m tests.property.parsing.parsers)); do \
		$(BIN)/python -m tests.property.parsing.fuzz $$each -max_total_time=$(FUZZ_S) $(ARGS) \
			|| exit 1; done

check: $(STAMP) ## lint, format, types, import direction, tidiness
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/pyright --warnings
	$(BIN)/python -m pytest tests/unit/test_tidy.py tests/unit/house -q

docs: $(STAMP) ## write the pages and schemas that are made from classes anew
	@$(BIN)/python -m runtime.settings >docs/settings.md
	@$(BIN)/python -m schemas.tariff_schema >docs/tariff-fields.md
	@$(BIN)/python -m schemas.tariff_schema schema >schemas/tariff.v1.schema.json

# A release is taken into the lock only a week after it came out: most poisoned ones are found by
# then. The universal form has one line per version and platform, so every Python we support
# installs from the same file; none of them names where it came from.
COMPILE = uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --exclude-newer '7 days' --custom-compile-command 'make lock'

lock: $(STAMP) ## renew requirements/*.txt from pyproject.toml, a week behind
	PATH="$(CURDIR)/$(BIN):$$PATH" && export PATH && \
	$(COMPILE) --extra embedded --group dev pyproject.toml -o requirements/dev.txt && \
	$(COMPILE) --extra embedded --group build -c requirements/dev.txt pyproject.toml \
		-o requirements/runtime.txt && \
	$(COMPILE) --group build -c requirements/dev.txt pyproject.toml \
		-o requirements/server.txt && \
	$(COMPILE) --group installer -c requirements/dev.txt -o requirements/uv.txt
