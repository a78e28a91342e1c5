# Everything runs from .venv, which is made from requirements/all.lock the first time that a target needs it.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHONS := $(or $(PYTHON),python3.12 python3.13 python3 python)

# Tried by running each: a name on the path may be a shim that only says that it has nothing behind it.
define make_venv
for name in $(PYTHONS); do \
  version=$$($$name -c 'import sys; print("%d.%d.%d" % sys.version_info[:3]); sys.exit(sys.version_info < (3, 12))' 2>/dev/null) \
    && exec $$name -m venv --clear $(VENV); \
  found="$$found$${version:+$${found:+, }$$version ($$name)}"; \
done; \
echo "airhandler needs Python 3.12 or newer; found $${found:-none}. Install one, or name it: make PYTHON=..." >&2; exit 1
endef

LOCK := $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.12 --generate-hashes \
  --no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help install demo demo-live test check mutants drills bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with everything in it

demo: $(STAMP) ## train, shadow and run live on a simulated data centre, in minutes
	@$(BIN)/airhandler demo

demo-live: $(STAMP) ## shadow, promotion and live on a BACnet building with real Prometheus, in minutes
	@$(BIN)/airhandler demo-live

test: $(STAMP) ## every test, the slow ones too
	$(BIN)/pytest -n 2 --dist worksteal -v -ra --durations=10

check: $(STAMP) ## format, lint, types, imports and the fast tests: before every commit
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy -p airhandler
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

mutants: $(STAMP) ## change the shield in small ways: which changes does no test notice? an hour or two; goes on where it was
	@$(BIN)/python tests/mutants.py --again
	$(BIN)/mutmut run
	@$(BIN)/python tests/mutants.py

drills: $(STAMP) ## what happens when things go wrong on site: the table of docs/drills.md, in minutes
	@$(BIN)/python tests/drills.py

bench: $(STAMP) ## steps per second of the engine
	@$(BIN)/airhandler bench engine

lock: | $(BIN)/uv ## pin what pyproject.toml asks for; UPGRADE=--upgrade takes the newest
	$(LOCK) --all-extras --output-file requirements/all.lock
	$(LOCK) --constraint requirements/all.lock --output-file requirements/core.lock

clean: ## remove what make can make again; runs/ stays
	rm -rf $(VENV) build dist mutants *.egg-info .coverage htmlcov
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find airhandler buildings safety control deploy tests -name __pycache__ -prune -exec rm -rf {} +

# The installer, at the version and the hashes of the lock file.
$(BIN)/uv:
	@$(make_venv)
	@awk '/^uv==/ {p = 1} p {print} p && !/\\$$/ {exit}' requirements/all.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock

# The stamp is written last: an interrupted install is done again. What has to be built is built with what is
# locked, too: build tools come from the same file.
$(STAMP): requirements/all.lock pyproject.toml $(wildcard buildings/_*.c) | $(BIN)/uv
	@rm -f $@
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --build-constraints requirements/all.lock \
	  requirements/all.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
