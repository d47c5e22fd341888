# make run    set everything up, start the assistant on http://127.0.0.1:7860
# make test   set everything up, run the checks and the tests
# make check  format, lint, types, import layers
# make train  train the adapter that is shipped, from examples/ alone (under 90 minutes on two cores)
# make bench  print the figures: retrieval, abstention, answers, triage
# make bench-index  print the figures of the knowledge base: refreshing, freshness, kills, damaged files
# Variables: PYTHON (3.11 or newer), EXTRA_INDEX (a further package index, for example PyTorch's own for CPU builds),
#            BUILD=gpu (vLLM for NVIDIA cards instead of the one for processors), ARGS (for make run: --port 8080)
PYTHON ?= python3
BUILD ?= cpu
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INDEX := $(if $(EXTRA_INDEX),--extra-index-url $(EXTRA_INDEX))
READY := $(VENV)/ready-$(BUILD)
SHELL := /bin/bash

.PHONY: run test check setup browser kb train bench bench-index clean
.DEFAULT_GOAL := run

run: kb
	$(BIN)/switchboard serve $(ARGS)

kb: setup
	$(BIN)/switchboard kb refresh examples/documents

test: setup browser check
	$(BIN)/pytest $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

train: kb
	$(BIN)/switchboard train sft --config examples/sft.toml

bench: kb
	$(BIN)/switchboard eval retrieval --corpus examples --split test
	$(BIN)/switchboard eval sufficiency --corpus examples --split test
	$(BIN)/switchboard eval answers --corpus examples --split test --limit 40
	$(BIN)/switchboard eval triage --tickets examples/tickets/test.jsonl --taxonomy examples/taxonomy.yaml --limit 400
	$(BIN)/switchboard eval speed

bench-index: setup
	$(BIN)/switchboard eval refresh --documents 10000
	$(BIN)/switchboard eval freshness --documents 10000
	$(BIN)/switchboard eval kills --count 200
	$(BIN)/switchboard eval mutations --count 1000

setup: $(READY)

$(READY): requirements-cpu.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Switchboard needs Python 3.11 or newer; this is $$($(PYTHON) --version). Set PYTHON=python3.11"; exit 2; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing packages (about 1.5 GB, two to five minutes)"
	@SECONDS=0; $(INSTALL_$(BUILD)) && $(PIP) install --quiet --no-deps --no-build-isolation --editable . && echo "installed in $$SECONDS s"
	@touch $@

# the lock is complete and exact, so nothing is resolved
INSTALL_cpu = $(PIP) install --progress-bar on --no-deps $(INDEX) --requirement requirements-cpu.lock 2>&1 | grep --line-buffered -E '^(Collecting|Installing|Successfully|ERROR)' | awk '{ n++; if (/^Collecting/) printf "\r  %d packages: %-50s", n, $$2; else printf "\n%.100s\n", $$0; fflush() }'; test $${PIPESTATUS[0]} -eq 0
INSTALL_gpu = $(PIP) install $(INDEX) --editable '.[gpu,dev]'

# the tests drive a real browser; on Debian and its relatives it is installed when it is missing and we may;
# without it they are skipped, but never in continuous integration
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "installing chromium" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || { echo "chromium is not installed: the browser tests will be skipped"; test -z "$$CI"; }

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
