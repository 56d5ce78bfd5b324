# What can be done here; `make` alone lists it. Needs make and Python 3.11 or newer, and installs the rest.
#
# Every long-running command is exec'd, so that make has that process itself for a child: when make is told to stop,
# it passes the signal on and waits, and nothing is left running.

PYTHON ?= python3
ARGS ?=
UV ?= uv
SETUP = command -v "$(PYTHON)" >/dev/null || { echo "Python 3.11 or newer is needed: sudo apt-get install python3" >&2; exit 1; }; exec "$(PYTHON)" scripts/setup.py
LOCK = $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

ifneq ($(filter command line environment override,$(origin PYTHON)),)
export TWINLOCK_PYTHON_ASKED_FOR := $(PYTHON)
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup serve test test-setup lint lock bench clean

help:  ## list what can be done
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | while IFS='	' read -r name does; do \
		printf '  make %-8s %s\n' "$$name" "$$does"; done

setup:  ## install what serving needs into .venv, and do no more
	@$(SETUP) serve

serve: setup  ## serve in the foreground: HOST (127.0.0.1), PORT (8000), DROP_DATA_DIR (data/)
	@exec .venv/bin/gunicorn -c gunicorn.conf.py 'dropbox_app:create_app()'

test-setup:
	@$(SETUP) test

test:  ## install what the tests need and run them all; ARGS are passed to pytest
	@$(SETUP) test --browser
	@exec .venv/bin/python -m pytest $(ARGS)

lint: test-setup  ## style, types and the order of imports
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	PYTHONPATH=. .venv/bin/lint-imports

lock:  ## work the hash-locked lists in requirements/ out anew (needs uv; ARGS=--upgrade takes newer versions)
	$(LOCK) $(ARGS) pyproject.toml -o requirements/serve.txt
	$(LOCK) $(ARGS) pyproject.toml --extra test --extra lint -c requirements/serve.txt -o requirements/test.txt
	$(LOCK) $(ARGS) requirements/train.in -o requirements/train.txt

bench: test-setup  ## measure the service beside a plain server; ARGS=--quick for a short run
	@exec .venv/bin/python -m benchmarks $(ARGS)

clean:  ## remove what setup, tests and linters made; drops in data/ stay
	rm -rf .venv build *.egg-info htmlcov .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
