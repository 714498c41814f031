# All chores. Each runs in an environment of its own, .venv, which the first call makes: README, "Two commands".

VENV = .venv
BIN = $(VENV)/bin
INTEROP = .venv-interop
MXNET = .venv-mxnet
SITE = .venv-docs

# Two groups of tests: those of our own, and those that hand our outputs to the readers they are for. The second needs
# torch (3 GB), so it has its own environment and runs there only when everything is required. MXNet needs a numpy that no
# other reader takes; tests call it in an environment of its own. Its im2rec, which the bench runs, imports OpenCV.
PYTEST = $(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal
FLOORS = tests/test_floors.py tests/test_bans.py tests/test_facts_live_in_editions.py

.PHONY: help demo test lint format docs bench clean

help:
	@echo "make demo    the whole way on a tiny ImageNet, into ./demo"
	@echo "make test    all tests (KILOTAR_REQUIRE_ALL=1: a missing tool is a failure)"
	@echo "make lint    form, types, floors"
	@echo "make format  put the form right"
	@echo "make docs    write the generated pages of docs/ anew, and build the site into ./site"
	@echo "make bench   measure speed and memory, write docs/performance.md"
	@echo "make clean   remove everything that make has made"

demo: $(VENV)/.core
	$(BIN)/kilotar demo demo

ifeq ($(KILOTAR_REQUIRE_ALL),1)
test: $(VENV)/.dev $(INTEROP)/.stamp $(MXNET)/.stamp
	$(INTEROP)/bin/pytest tests/interop
	$(PYTEST) --ignore tests/interop
else
test: $(VENV)/.dev
	$(PYTEST)
endif

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -qq $(FLOORS)

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev $(SITE)/.stamp
	$(BIN)/python docs/generate.py
	$(SITE)/bin/zensical build --clean --strict
	$(BIN)/python tests/docs/links.py site

bench: $(VENV)/.dev
	$(BIN)/python -m bench

clean:
	rm -rf demo .venv .venv-* .cache site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.core: pyproject.toml .ci/environment
	.ci/environment $(VENV) -e '.[fast]'
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	.ci/environment $(VENV) -e '.[dev]'
	@touch $@

$(INTEROP)/.stamp: pyproject.toml .ci/environment tests/interop/requirements.txt
	.ci/environment $(INTEROP) -e '.[dev]' -r tests/interop/requirements.txt
	PKG_CONFIG_PATH=$(CURDIR)/tests/interop/ffcv .ci/environment $(INTEROP) --no-deps ffcv==1.0.2
	@touch $@

$(MXNET)/.stamp: .ci/environment
	PYTHONS=python3.11 .ci/environment $(MXNET) mxnet==1.9.1 'numpy<1.24' opencv-python-headless
	@touch $@

$(SITE)/.stamp: docs/requirements.txt .ci/environment
	.ci/environment $(SITE) -r docs/requirements.txt
	@touch $@
