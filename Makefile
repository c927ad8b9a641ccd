# make demo | test | test-* | lint | docs | docs-check | dist | bench | bench-* | paper-*
#
# Needs Python >= 3.11 and make. Each target installs what it needs into .venv, at the versions of
# constraints.txt; a stamp file per extra makes the second call install nothing.

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
# Python compiles what is imported; to compile all of torch and the others takes more than a minute.
PIP = -m pip install --quiet --no-compile --disable-pip-version-check
PIP_INSTALL = $(PY) $(PIP) --constraint constraints.txt
NEWEST_PYTHON ?= python3.13

# A process per core, each with one thread: threads of several processes would wait for each other.
# A process that has nothing left takes over tests of another; ARGS=--numprocesses=0 runs them in one.
PYTEST = -m pytest --numprocesses=auto --maxprocesses=8 --dist=worksteal

# What is not about networks: every folder of tests but theirs, and the examples in docstrings.
LIGHT_TESTS = $(addprefix tests/,_utils attribution dask linear_model metrics model_selection \
	plotting report test_architecture.py test_callbacks.py test_common.py test_containers.py \
	test_light.py test_losses.py test_perturbation.py test_skops.py) \
	sklearn_advex --ignore=sklearn_advex/neural_network --ignore=sklearn_advex/_networks \
	--ignore=sklearn_advex/attribution/_torch

.DEFAULT_GOAL := help
.PHONY: help demo test test-interop test-light test-oldest test-newest test-mlflow lint docs \
	docs-check chromium dist bench bench-linear bench-targets \
	bench-network bench-certified bench-frontier bench-models bench-regressions \
	paper-tabular paper-images clean
.DELETE_ON_ERROR:

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target text; do printf '  make %-18s %s\n' "$$target" "$$text"; done

demo: $(VENV)/installed-plot ## natural, l1 and adversarial model side by side, under a minute
	$(PY) examples/demo.py

test test-interop test-light test-oldest test-newest test-mlflow: export OMP_NUM_THREADS = 1

test: $(VENV)/installed-test ## the test suite; ARGS="-k gini" and the like are passed to pytest
	$(PY) $(PYTEST) $(ARGS)

test-interop: $(VENV)/installed-test $(VENV)/installed-interop ## with encoders and formats of others
	$(PY) $(PYTEST) tests/interop tests/test_containers.py tests/test_onnx.py \
		tests/neural_network/test_onnx_export.py \
		tests/test_guide.py::test_blocks_for_another_package_run \
		"tests/test_examples.py::test_example[plot_onnx_round_trip]" $(ARGS)

test-light: $(VENV)-light/installed ## linear models in an environment without torch
	$(VENV)-light/bin/python -c "import importlib.util as u; assert u.find_spec('torch') is None"
	$(VENV)-light/bin/python $(PYTEST) $(LIGHT_TESTS) $(ARGS)

test-oldest: $(VENV)-oldest/installed ## the test suite with the oldest versions declared
	$(VENV)-oldest/bin/python $(PYTEST) $(ARGS)

test-newest: $(VENV)-newest/installed ## with the newest; NEWEST_PYTHON=python3.13 by default
	$(VENV)-newest/bin/python $(PYTEST) $(ARGS)

test-mlflow: $(VENV)-mlflow/installed ## models in the formats of MLflow, in an environment of its own
	$(VENV)-mlflow/bin/python -m pytest tests/interop/test_mlflow.py $(ARGS)

lint: $(VENV)/installed-lint ## style and formatting, without changing a file
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

docs: $(VENV)/installed-docs docs/gallery/of-package ## the documentation, in docs/_build/html
	rm -rf docs/generated docs/_build/html/_modules
	$(PY) -m sphinx -W --keep-going --quiet -b html docs docs/_build/html

dist: $(VENV)/installed-dist ## source distribution and wheel, checked as PyPI checks them
	rm -rf dist
	$(PY) -m build --no-isolation
	$(PY) -m twine check --strict dist/*

docs-check: docs $(VENV)/installed-docs-check chromium ## every page of it in a headless Chromium
	$(PY) -m pytest docs/checks $(ARGS)

# From Debian's package, where this may install it; the checks say why they are skipped where there
# is none.
chromium:
	@for name in chromium chromium-browser google-chrome; do \
		command -v $$name > /dev/null && exit; \
	done; [ "$$(id -u)" = 0 ] && apt-get update && apt-get install --yes chromium || true

# What the examples printed and drew is kept until one of them or the package changes. Some read data
# sets of OpenML, from the network or from the folder that SCIKIT_LEARN_DATA names.
docs/gallery/of-package: $(shell find sklearn_advex -name "*.py")
	rm -rf docs/gallery
	mkdir -p docs/gallery
	touch $@

bench: bench-linear bench-targets bench-network ## all measurements of speed, 40 minutes

bench-linear: $(VENV)/installed-rivals ## the linear solver against rivals; ARGS=--quick: 2 minutes
	TQDM_DISABLE=1 $(PY) -m benchmarks.linear $(ARGS)

bench-targets: $(VENV)/installed-bench ## the linear solver against targets of its own
	$(PY) -m benchmarks.linear.targets

bench-network: $(VENV)/installed-rivals ## training and attacks of networks against rivals
	TQDM_DISABLE=1 $(PY) benchmarks/bench_network.py $(ARGS)

bench-certified: $(VENV)/installed-bench ## networks with certificates on tables and MNIST, resumable
	$(PY) -m benchmarks.certified.tabular
	$(PY) -m benchmarks.certified.mnist

bench-frontier: $(VENV)/installed-rivals ## models of few features against rivals; ARGS=--quick
	TQDM_DISABLE=1 $(PY) -m benchmarks.frontier $(ARGS)

bench-models: $(VENV)/installed-bench ## the guide's table: which model for which data; 30 minutes
	TQDM_DISABLE=1 $(PY) -m benchmarks.which_model $(ARGS)

bench-regressions: $(VENV)/installed-bench ## times to compare between commits
	OPENBLAS_NUM_THREADS=1 $(PY) -m pytest benchmarks/regressions \
		--benchmark-storage=benchmarks/regressions/output \
		--benchmark-autosave --benchmark-compare -W "default:Can't compare" \
		--benchmark-columns=median,min,max,rounds $(ARGS)

paper-tabular: $(VENV)/installed-plot ## the paper's tabular experiments, resumable
	$(PY) -m benchmarks.paper.tabular $(ARGS)

paper-images: $(VENV)/installed-plot ## the paper's image experiments; ARGS=--long takes two hours of a core
	$(PY) -m benchmarks.paper.images $(ARGS)

clean: ## remove .venv and everything built
	rm -rf $(VENV) $(addprefix $(VENV)-,light oldest newest mlflow) build dist *.egg-info
	rm -rf docs/_build docs/generated docs/gallery examples/output
	rm -rf .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/created:
	$(PYTHON) -m venv $(VENV)
	touch $@

# Without what they declare to need: torchattacks asks for torchvision, which it does not import, and
# for a release of requests that is years old.
$(VENV)/installed-rivals: $(VENV)/installed-bench
	$(PIP_INSTALL) --no-deps torchattacks adversarial-robustness-toolbox six fastsparsegams
	touch $@

# Without what it declares to need, and then what of that is not for networks.
$(VENV)-light/installed: pyproject.toml constraints.txt .ci/light_requirements.py
	$(PYTHON) -m venv $(VENV)-light
	$(PYTHON) .ci/light_requirements.py > $(VENV)-light/requirements.txt
	$(VENV)-light/bin/python $(PIP) --constraint constraints.txt setuptools \
		--requirement $(VENV)-light/requirements.txt
	$(VENV)-light/bin/python $(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)-oldest/installed: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python $(PIP) --constraint constraints-oldest.txt setuptools
	$(VENV)-oldest/bin/python $(PIP) --constraint constraints-oldest.txt --no-build-isolation \
		--editable ".[test,plot]"
	touch $@

$(VENV)-newest/installed: pyproject.toml
	$(NEWEST_PYTHON) -m venv $(VENV)-newest
	$(VENV)-newest/bin/python $(PIP) --upgrade --upgrade-strategy eager --editable ".[test,plot]"
	touch $@

$(VENV)-mlflow/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-mlflow
	$(VENV)-mlflow/bin/python $(PIP) --editable ".[test,mlflow]"
	touch $@

# The build runs without isolation so that the constraints hold for setuptools too.
$(VENV)/installed-%: pyproject.toml constraints.txt | $(VENV)/created
	@echo "Installing sklearn-advex[$*] into $(VENV) (the first time takes minutes: torch is large)"
	@$(PIP_INSTALL) setuptools
	@$(PIP_INSTALL) --no-build-isolation --editable ".[$*]"
	touch $@
