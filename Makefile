# Needs Python 3.11, pip and make; everything else is installed into .venv from the lock.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo check test bench lock clean

setup: $(READY)

# The lock is complete. Without --no-deps pip looks for what it needs with extras (pydantic[email]) beside the pins, and
# stumbles over the first newer release.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "stillwatch needs Python 3.11: make PYTHON=/path/to/python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	$(BIN)/stillwatch demo

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_fences.py tests/test_structure.py

# In the order of the files: else those of few long tests come last, and one process waits for the other.
test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# make bench, or one measurement: make bench WHAT=endpoint; `python -m benchmarks` lists their names.
WHAT ?= all
bench: setup
	$(BIN)/python -m benchmarks $(WHAT)

# Needs uv; the only target that does.
lock:
	uv pip compile --python-version 3.11 --extra dev --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links --quiet pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV)
