# make demo | test | test-interop | lint | docs | docs-check | bench | bench-* | paper-tabular | paper-images
#
# Needs Python >= 3.11 and make. Each target installs what it needs into .venv, at the versions of
# constraints.txt; a stamp file per extra makes the second call install nothing.

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
PIP_INSTALL = $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-interop lint docs docs-check bench bench-linear bench-targets \
	bench-network bench-certified bench-frontier bench-regressions paper-tabular paper-images clean
.DELETE_ON_ERROR:

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target text; do printf '  make %-18s %s\n' "$$target" "$$text"; done

demo: $(VENV)/installed-plot ## natural, l1 and adversarial model side by side, under a minute
	$(PY) examples/demo.py

test: $(VENV)/installed-test ## the test suite; ARGS="-k gini" and the like are passed to pytest
	$(PY) -m pytest $(ARGS)

test-interop: $(VENV)/installed-test $(VENV)/installed-interop ## with encoders of other libraries
	$(PY) -m pytest tests/interop tests/test_containers.py $(ARGS)

lint: $(VENV)/installed-lint ## style and formatting, without changing a file
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

docs: $(VENV)/installed-docs docs/gallery/of-package ## the documentation, in docs/_build/html
	rm -rf docs/generated docs/_build/html/_modules
	$(PY) -m sphinx -W --keep-going --quiet -b html docs docs/_build/html

docs-check: docs $(VENV)/installed-docs-check ## every page of it in a headless Chromium, if there is one
	$(PY) -m pytest docs/checks $(ARGS)

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

bench-regressions: $(VENV)/installed-bench ## times to compare between commits
	OPENBLAS_NUM_THREADS=1 $(PY) -m pytest benchmarks/regressions \
		--benchmark-storage=benchmarks/regressions/output \
		--benchmark-autosave --benchmark-compare -W "default:Can't compare" \
		--benchmark-columns=median,min,max,rounds $(ARGS)

paper-tabular: $(VENV)/installed-plot ## the paper's tabular experiments, resumable
	$(PY) benchmarks/paper/tabular.py $(ARGS)

paper-images: $(VENV)/installed-plot ## the paper's image experiments; ARGS=--full is for a GPU
	$(PY) benchmarks/paper/images.py $(ARGS)

clean: ## remove .venv and everything built
	rm -rf $(VENV) build dist *.egg-info docs/_build docs/generated docs/gallery examples/output
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

# The build runs without isolation so that the constraints hold for setuptools too.
$(VENV)/installed-%: pyproject.toml constraints.txt | $(VENV)/created
	@echo "Installing sklearn-advex[$*] into $(VENV) (the first time takes minutes: torch is large)"
	@$(PIP_INSTALL) setuptools
	@$(PIP_INSTALL) --no-build-isolation --editable ".[$*]"
	touch $@
