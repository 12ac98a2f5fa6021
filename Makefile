# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Both bring their own virtual environment (.venv) and the few Debian libraries the engines load.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# The demo keeps its catalog, store and Prefect's home beside the checkout, not in ~/.dailies.
DEMO_HOME ?= $(CURDIR)/out/demo-home

.PHONY: demo test check bench soak lock libraries test-libraries clean

demo: .venv/.base | libraries
	DAILIES_HOME=$(DEMO_HOME) $(BIN)/dailies run manifests/examples/products.yaml --out out/products
	DAILIES_HOME=$(DEMO_HOME) $(BIN)/dailies run manifests/examples/storyboard.yaml --out out/storyboard
	@echo "\nlook around:  export DAILIES_HOME=$(DEMO_HOME)  then  $(BIN)/dailies trace out/products/watch_web_1080p.mp4"

# As many tests at once as there are cores, those of one file one after the other; files in their own order, for sorted
# by how many tests they hold the longest come last, and alone.
test: .venv/.test | libraries test-libraries
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

bench: .venv/.test | libraries
	$(BIN)/python -m tests.benchmarks $(ARGS)

# Hours of random SIGKILLs on both databases, and then every promise looked at.
soak: .venv/.test | libraries
	$(BIN)/python -m tests.faults.soak $(ARGS)

libraries:
	@sh deploy/debian-libraries.sh

test-libraries:
	@sh deploy/debian-test-libraries.sh

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.base: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing dailies into .venv (about a minute)"
	$(PIP) install -c constraints.txt -e .
	touch $@

.venv/.test: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing dailies and its test tools into .venv (about a minute)"
	$(PIP) install -c constraints.txt -e '.[test]'
	touch $@ .venv/.base

lock: .venv/.test
	@$(PIP) freeze --exclude-editable

clean:
	rm -rf .venv out .pytest_cache .ruff_cache .import_linter_cache
