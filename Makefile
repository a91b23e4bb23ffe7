# `make demo` and `make test` need Python 3.11 to 3.13 and nothing else; `make help` lists the rest.

# The first Python that runs, is of a version the lock was made for, and can make environments.
# Override with PYTHON=/path/to/python.
SUITS = import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for candidate in python3.13 python3.12 python3.11 python3 python; do \
	if $$candidate -c '$(SUITS)' >/dev/null 2>&1; then echo $$candidate; break; fi; done)
NO_PYTHON = no Python 3.11 to 3.13 with venv found (Debian: apt-get install python3-venv); \
	to name one: make PYTHON=/path/to/python
CHECK_PYTHON = "$(PYTHON)" -c '$(SUITS)' >/dev/null 2>&1 || { echo "$(NO_PYTHON)" >&2; exit 1; }

VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Written last: what an interrupted install leaves behind is not taken for an environment.
LOCKED = $(VENV)/.locked
READY = $(VENV)/.ready

# Newer versions of everything: make lock LOCK_OPTIONS=--upgrade
LOCK_OPTIONS =
UV_VENV = .cache/uv
GET_UV = "$(PYTHON)" -m venv --clear $(UV_VENV) && \
	$(UV_VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv

# `make test-serving` has an environment of its own, without TensorFlow: with the lock's versions, or
# by VERSIONS=lowest with the lowest ones that pyproject.toml allows. TESTS shortens it.
SERVING = .cache/serving
VERSIONS = locked
TESTS = tests
PINS_locked = --constraint requirements.lock
PINS_lowest = --resolution lowest-direct

# A report is looked at in a browser. In a container it may be put there; elsewhere its test is skipped.
GET_CHROMIUM = for name in chromium chromium-browser google-chrome; do \
		command -v $$name >/dev/null && exit; \
	done; \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; } || \
	echo "no chromium: the test that needs it is skipped" >&2

# What `make page` measures; the shell reads them, so that a name may hold spaces.
PHOTO =
MODEL =
ROUNDS = 10
export PHOTO MODEL
ON_PHOTO = $${PHOTO:+"$$PHOTO"}
SHOWN = $${PHOTO:+--photo "$$PHOTO"}
OF_MODEL = $${MODEL:+--model "$$MODEL"}

# What `make test-official` fetches: the official network from the catalog's origins, or by NAME
# another one of the catalog, or by FROM an archive of any URL under that name. PROFILES, PHOTOS (a
# number) and ACCEPTANCE (what pytest -k takes) shorten it.
NAME =
FROM =
PROFILES =
PHOTOS =
ACCEPTANCE =
export NAME FROM PROFILES PHOTOS ACCEPTANCE
FETCHED = $${NAME:+--name "$$NAME"} $${FROM:+--from "$$FROM"}
SHORTER = $${PROFILES:+--profiles "$$PROFILES"} $${PHOTOS:+--photos "$$PHOTOS"} \
	$${ACCEPTANCE:+--acceptance "$$ACCEPTANCE"}

# $(call MEASURE,NAME,BENCH OPTIONS,REPORT OPTIONS): every backend, into NAME.json and the page
# NAME.html. Where something can't be measured the page shows the rest, and make fails after it.
MEASURE = rm -f $(1).json $(1).html; \
	$(BIN)/toolkit bench --variant all --turns $(2) --output $(1).json; code=$$?; \
	test -e $(1).json || exit $$code; \
	$(BIN)/toolkit report $(1).json $(3) --output $(1).html && exit $$code

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo page photo-there test test-slow test-serving test-official coverage lint format bench core-cost natural-cost gate-proof dist lock clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-13s %s\n' "$$name" "$$what"; done

demo: $(READY) ## the whole job on one photo: fetch, verify, convert, portrait, parity, bench
	@$(BIN)/toolkit demo

page: photo-there $(READY) ## every backend and profile as a page: make page PHOTO=photo.jpg MODEL=net.tar.gz
	@$(call MEASURE,exported/page,--variant profiles $(ON_PHOTO) $(OF_MODEL) --rounds $(ROUNDS),$(SHOWN) $(OF_MODEL))

photo-there: # before anything is installed
	@test -z "$$PHOTO" || test -f "$$PHOTO" || { echo "PHOTO=$$PHOTO: no such file" >&2; exit 1; }

test: $(READY) ## the tests and the docstrings' examples; offline
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(READY) ## the tests that take longer
	@$(GET_CHROMIUM)
	$(BIN)/python -m pytest -m slow

test-serving: ## the tests that need no TensorFlow, without it; VERSIONS=lowest: on the lowest versions
	@$(CHECK_PYTHON)
	$(GET_UV)
	"$(PYTHON)" -m venv --clear $(SERVING)
	$(UV_VENV)/bin/uv pip compile --quiet --python $(SERVING)/bin/python --generate-hashes \
		--only-binary :all: --no-emit-index-url $(PINS_$(VERSIONS)) --group dev \
		--extra demo --extra opencv --extra openvino --extra report --extra video \
		pyproject.toml -o $(SERVING)/requirements.txt
	$(UV_VENV)/bin/uv pip install --quiet --python $(SERVING)/bin/python --only-binary :all: \
		-r $(SERVING)/requirements.txt
	$(SERVING)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --no-index --editable .
	$(SERVING)/bin/python -m pytest -m "not slow and not tensorflow" $(TESTS)

coverage: $(READY) ## the tests of make test, and the lines and branches of toolkit/ that they miss
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -m "not slow"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-official: $(READY) ## the whole job on the official network, from its origin; needs the network
	@$(BIN)/python -m tests.official $(FETCHED) $(SHORTER)

lint: $(READY) ## ruff, mypy and the order of the packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## put the code into ruff's form
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY) ## time the core, then every backend: a table and .benchmarks/report.html
	$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only --benchmark-autosave
	@$(call MEASURE,.benchmarks/report,--rounds 5 --iterations 10,)

core-cost: $(READY) ## time and memory of the core from 0.3 to 20 MP: figures and docs/cost.md anew
	$(BIN)/python -m benchmarks.core_cost measure
	$(BIN)/python -m benchmarks.core_cost draw

natural-cost: $(READY) ## the natural style's time and memory: figures and docs/portrait.md anew
	$(BIN)/python -m benchmarks.natural_cost measure
	$(BIN)/python -m benchmarks.natural_cost draw

gate-proof: $(READY) ## simulate the gate from recorded noise: figures and docs/gate-proof.md anew
	$(BIN)/python -m benchmarks.gate.simulate
	$(BIN)/python -m benchmarks.gate.tables
	$(BIN)/python -m benchmarks.gate.pictures

dist: $(READY) ## build the sdist and the wheel into dist/, and check what was built
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/twine check --strict dist/*
	DIST=dist $(BIN)/python -m pytest tests/test_wheel.py

lock: ## resolve requirements.lock again from pyproject.toml
	@$(CHECK_PYTHON)
	$(GET_UV)
	$(UV_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --all-extras --group dev --custom-compile-command "make lock" \
		$(LOCK_OPTIONS) pyproject.toml -o requirements.lock

clean: ## remove the environment and every cache; the store stays
	rm -rf $(VENV) .cache .benchmarks .hypothesis .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache build dist .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(LOCKED): requirements.lock
	@$(CHECK_PYTHON)
	@echo "Installing requirements.lock into $(VENV) with $(PYTHON): 3 GB, a few minutes, once" >&2
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(PIP) --require-hashes --only-binary :all: -r requirements.lock
	@touch $@

# Without isolation the build back end is the lock's own.
$(READY): $(LOCKED) pyproject.toml
	@$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@
