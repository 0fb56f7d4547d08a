# Two commands do everything on a fresh machine: `make quickstart` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.up-to-date
# NLTK looks here by itself when it runs from the environment.
NLTK_DATA_HERE := $(VENV)/nltk_data
# A GPU machine takes PyTorch's default build; elsewhere the CPU build saves gigabytes.
HAS_GPU := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | head -1)
TORCH := torch==2.13.0
CPU_INDEX := https://download.pytorch.org/whl/cpu
# Public benchmark files for tests that use them; such tests skip, with a reason, where they are absent.
ifneq ($(wildcard ../shared/data),)
export AUTOIF_TEST_DATA ?= $(abspath ../shared/data)
endif
# Two threads on two busy cores were measured slower than one for models of this size.
export OMP_NUM_THREADS ?= 1

.PHONY: help venv punkt browser docs quickstart test soak lint format clean

help:
	@echo "make quickstart   the whole loop on the embedded tiny model, into runs/quickstart/report.html"
	@echo "make test         every test this machine can run"
	@echo "make soak         the long tests: kills, faults, many seeds"
	@echo "make docs         the documentation as a site, into build/docs"
	@echo "make lint format  ruff"

venv: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one with: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifeq ($(HAS_GPU),)
	$(BIN)/python -c 'import torch' 2>/dev/null \
	  || $(BIN)/pip install --quiet --retries 1 --timeout 15 $(TORCH) --index-url $(CPU_INDEX) 2>/dev/null \
	  || $(BIN)/pip install --quiet $(TORCH)
endif
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev,docs,eval,wasm]'
	-$(BIN)/python -m nltk.downloader -q -d $(NLTK_DATA_HERE) punkt_tab >/dev/null 2>&1
	test -d $(NLTK_DATA_HERE)/tokenizers/punkt_tab || $(MAKE) --no-print-directory punkt
	touch $@

# IFEval's checkers need sentence data that NLTK downloads; where only a package index is reached, a wheel carries it.
punkt:
	-$(BIN)/pip download --quiet --no-deps -d $(VENV)/wheel llama-index-core \
	  && $(BIN)/python -m zipfile -e $(VENV)/wheel/llama_index_core-*.whl $(VENV)/wheel/unpacked \
	  && mkdir -p $(NLTK_DATA_HERE) \
	  && cp -r $(VENV)/wheel/unpacked/llama_index/core/_static/nltk_cache/tokenizers $(NLTK_DATA_HERE)/
	rm -rf $(VENV)/wheel

# The report is tested in a real browser where there is one.
browser:
	command -v chromium chromium-browser google-chrome chrome \
	  || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }

docs: venv
	$(BIN)/python -m sphinx -q -W -b html docs build/docs && echo "the site: build/docs/index.html"

quickstart: venv
	$(BIN)/python recipes/evaluate.py --output_dir runs/quickstart

test: venv
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -m "not soak" tests

soak: venv
	$(BIN)/python -m pytest -m soak tests

lint: venv
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: venv
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean:
	rm -rf $(VENV) runs build *.egg-info
