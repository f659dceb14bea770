# make demo   install into .venv and run the whole chain on the bundled data
# make test   install what the tests need and run every test
# Nothing has to be activated; a second call installs nothing. PYTHON=/path/to/python chooses the interpreter.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
DOCS_VENV := .venv-docs
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint docs benchmark clean

demo: $(VENV)/.installed
	$(BIN)/ambergen demo --out ambergen-demo

test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/mypy src

docs: $(DOCS_VENV)/.installed
	$(DOCS_VENV)/bin/zensical build --clean --strict

benchmark: $(VENV)/.installed
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script; done

clean:
	rm -rf $(VENV) $(DOCS_VENV) .cache site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests scripts benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# pip 25.1 is the first that reads dependency groups.
$(VENV)/.created:
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { \
		echo "ambergen needs Python 3.11, 3.12 or 3.13, and $(or $(PYTHON),what is on the PATH) is not one of them." >&2; \
		echo "Install one, or name one that is not on the PATH: make demo PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu install python3-venv." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@touch $@

# PyTorch goes first and alone: whatever else needs it then finds it there and brings no second build of it.
$(VENV)/.torch: $(VENV)/.created constraints.txt
	$(PIP) torch
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) --group test
	@touch $@

$(VENV)/.installed-lint: $(VENV)/.installed-test
	$(PIP) --group lint
	@touch $@

# The site generator lives apart, so that its dependencies never hold back the package's.
$(DOCS_VENV)/.installed: $(VENV)/.created
	$(BIN)/python -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check "zensical>=0.0.73"
	@touch $@
