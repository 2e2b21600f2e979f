# Needs pip, make, bash and Python 3.11, 3.12 or 3.13: the newest of these on the PATH, or PYTHON=/path/to/python.
# Not Python 3.14: the large packages have wheels for it, but nobody has run the tests on it. Not 3.10: numpy, scipy,
# scikit-learn, polars and DuckDB have no release for it among those that stillwatch needs.
SHELL := bash
.SHELLFLAGS := -o pipefail -ec

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_TO_DEVELOP := $(VENV)/.ready-to-develop

.PHONY: setup demo check quick test test-full bench lock clean same-python

setup: $(READY_TO_DEVELOP)

# Some machines switch Python's cache of compiled modules off: then every command would compile its libraries anew, which
# is most of the time that a short one takes. Empty switches it on. The first command compiles what it imports, a fifth
# of all that is installed; to compile everything at once took longer than to install it.
export PYTHONDONTWRITEBYTECODE :=

# The locks are complete: --no-deps. With dependencies pip would look for what extras need (pydantic[email]) beside the
# pins, and stumble over the first newer release.
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCKED := --require-hashes --no-deps
# uv unpacks everything in a quarter of a minute, where pip takes two. It is pinned in the lock like all else, and asks
# the index that pip's settings name. Where it can't reach it (it doesn't read all of these settings), pip goes on.
UV := $(BIN)/uv
get-uv = awk '/^[a-z]/ {is_uv = /^uv==/} is_uv' requirements.lock > $(VENV)/uv.lock && $(PIP) install --quiet $(LOCKED) -r $(VENV)/uv.lock || true
install = index="$$($(PIP) config list | sed -n "s/^[^.]*\.index-url='\(.*\)'$$/\1/p" | head -n 1)"; \
	$(UV) pip install --python $(BIN)/python $(LOCKED) $${index:+--default-index "$$index"} -r $(1) 2>&1 | { grep -v '^ [-+~] ' || true; } \
	|| { echo "uv could not install them; pip does, in two minutes or three."; $(PIP) install --quiet --no-compile $(LOCKED) -r $(1); }
count = $$(grep -c '^[a-z0-9]' $(1))

$(READY): requirements.lock pyproject.toml
	@if ! $(BIN)/python -c '' 2>/dev/null; then \
		python="$(PYTHON)"; python="$${python:-$$(.ci/pythons | head -n 1)}"; \
		test -n "$$python" || { echo "stillwatch needs Python 3.11, 3.12 or 3.13 (with venv and pip): none is on the PATH; try make PYTHON=/path/to/python"; exit 1; }; \
		"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
			|| { echo "stillwatch needs Python 3.11, 3.12 or 3.13, and $$python is another or does not run"; exit 1; }; \
		echo "Making a virtual environment in $(VENV) with $$("$$python" --version) ($$python)."; \
		"$$python" -m venv --clear $(VENV); \
	fi
	@echo "Installing the $(call count,requirements.lock) packages that stillwatch runs on: about 1.5 GB on disk."
	@$(get-uv)
	@$(call install,requirements.lock)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "Ready: $(BIN)/stillwatch"

# On top of the first lock, so that both marks hold whichever target comes first.
$(READY_TO_DEVELOP): $(READY) requirements-dev.lock
	@echo "Installing what tests and checks need beside them ($(call count,requirements-dev.lock) packages together): about 0.6 GB more."
	@$(call install,requirements-dev.lock)
	@touch $@

# An environment keeps the Python that it was made with: say so rather than use another than the one asked for.
ifneq ($(filter command environment,$(firstword $(origin PYTHON))),)
$(READY): | same-python
same-python:
	@if $(BIN)/python -c '' 2>/dev/null; then \
		version='import sys; print("%d.%d" % sys.version_info[:2])'; \
		here="$$($(BIN)/python -c "$$version")"; wanted="$$("$(PYTHON)" -c "$$version")"; \
		test "$$here" = "$$wanted" || { echo "$(VENV) has Python $$here, and $(PYTHON) is $$wanted: run make clean first, or add VENV=.venv-$$wanted"; exit 1; }; \
	fi
endif

demo: $(READY)
	$(BIN)/stillwatch demo

check: $(READY_TO_DEVELOP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_fences.py tests/test_structure.py

# Under a minute, and the same on every Python: the fences, the set-up, and the parts of the product that are pure.
QUICK := tests/test_fences.py tests/test_structure.py tests/test_setup.py tests/features/text \
	tests/features/families/test_content.py tests/features/families/test_coverage.py tests/features/families/test_fixed_point.py \
	tests/features/test_catalogue.py tests/serving/test_messages.py \
	tests/training/evaluation tests/training/gate
quick: $(READY_TO_DEVELOP)
	$(BIN)/python -m pytest -q $(QUICK)

# A folder of public prompts beside the repository, which some tests read: make test POOLS=DIR. Without it they are skipped.
POOLS ?= ../shared/data
# In the order of the files: else those of few long tests come last, and one process waits for the other.
# What make check runs is left out here.
TEST := $(BIN)/python -m pytest --ignore=tests/test_fences.py --ignore=tests/test_structure.py -n 2 --dist loadfile --no-loadscope-reorder $(if $(wildcard $(POOLS)),--pools=$(POOLS))
test: $(READY_TO_DEVELOP)
	$(TEST)

# Those too that train again, or measure: what they test has smaller tests beside it.
test-full: $(READY_TO_DEVELOP)
	$(TEST) --full

# make bench, or one measurement: make bench WHAT=endpoint; `python -m benchmarks` lists their names.
WHAT ?= all
bench: $(READY_TO_DEVELOP)
	$(BIN)/python -m benchmarks $(WHAT)

# The pins that are there stay where they can: delete a lock to move everything.
# The larger lock comes first and binds the smaller, so that the two never disagree.
# Feast asks for SQLAlchemy's plugin for mypy, and so for mypy and what it needs: nothing that runs imports them.
TYPE_CHECKING := $(addprefix --no-emit-package ,mypy mypy-extensions librt ast-serialize types-greenlet)
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links pyproject.toml --group install
lock: $(READY)
	$(LOCK) --extra dev --output-file requirements-dev.lock
	$(LOCK) --no-annotate $(TYPE_CHECKING) --constraint requirements-dev.lock --output-file requirements.lock

clean:
	rm -rf $(VENV)
