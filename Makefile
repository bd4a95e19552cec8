# make study   installs what the default study needs and runs it
# make test    installs everything and runs the tests, but for those of the cluster
# make test-cluster   as root on Debian: starts a Slurm on this machine and tests against it

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PINNED := envs/constraints.txt
CORES ?= all
# Jobs and tests start hundreds of processes: without bytecode each would compile all code again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: study test test-cluster check clean
.DELETE_ON_ERROR:

study: .venv/installed
	$(BIN)/snakemake --cores $(CORES) all

test: .venv/installed-all
	$(BIN)/python -m pytest -n 2 --dist worksteal

# There is one Slurm: its tests run one after the other.
test-cluster: .venv/installed-all
	$(BIN)/python -m pytest -m cluster tests/cluster

check: .venv/installed-all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint
	$(BIN)/snakemake --dry-run --quiet rules all

# A marker is newer than the pins once its packages are installed: a second call does nothing.
.venv/installed: pyproject.toml $(PINNED) | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check -c $(PINNED) -e .
	touch $@

.venv/installed-all: pyproject.toml $(PINNED) | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check -c $(PINNED) -e '.[all]'
	touch $@ .venv/installed

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "studygrid needs Python 3.11 or newer; name it with make PYTHON=...")'
	$(PYTHON) -m venv .venv

clean:
	rm -rf .venv .snakemake
