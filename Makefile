# The words a person types, and the words CI uses. Everything lives in .venv; delete it to start afresh.
PYTHON ?= python3
VENV   := .venv
DEVICE ?= cpu
BIN    := $(VENV)/bin
CLIENTS ?= .venv-clients
PEERS  ?= .venv-peers
RAY    ?= .venv-ray
MILVUS ?= .venv-milvus
PIP    := $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt

# 1: PyTorch for NVIDIA GPUs, as a machine with one gets it; 0: for the CPU. What .venv has, it keeps.
GPU    ?= $(shell [ -e $(VENV)/installed-gpu ] || { [ ! -e $(VENV)/installed-cpu ] && nvidia-smi -L; } > /dev/null 2>&1 && echo 1)
BUILD  := $(if $(filter 1,$(GPU)),gpu,cpu)
OTHER  := $(if $(filter 1,$(GPU)),cpu,gpu)
# READY: to run; on the CPU OpenVINO runs the model, without PyTorch. DEV: to test, against PyTorch as the reference.
READY  := $(VENV)/installed-$(BUILD)
DEV    := $(VENV)/installed-$(BUILD)-dev

# PyTorch's builds for the CPU; what pip's own index has for Linux needs CUDA, some gigabytes. Empty: pip's own index.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: run demo ui screenshots test test-clients test-ray test-milvus bench-peers browser check format bench train-mini wheel torch clean help

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/: .*##/\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "jv3search needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; \
	    echo "Install a newer one and name it: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing jv3search and what it needs into $(VENV) (a few minutes the first time) ..." >&2
	@if [ -e $(VENV)/installed-$(OTHER) ]; then \
	    $(BIN)/python -m pip uninstall -qq -y torch; rm $(VENV)/installed-*; fi
	@$(if $(filter gpu,$(BUILD)),$(MAKE) --no-print-directory torch GPU=1)
	$(PIP) -e '.$(EXTRAS_$(BUILD))'
	@touch $@

$(DEV): $(READY)
	@$(MAKE) --no-print-directory torch GPU=$(GPU)
	$(PIP) -e '.[dev]'
	@touch $@

EXTRAS_gpu := [torch]

# pip would ask an index that cannot be reached again and again: five seconds decide.
ANSWERS := timeout 5 $(BIN)/python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + "/torch/")'

torch: | $(BIN)/python ## PyTorch alone, for the CPU unless GPU=1
	@if [ $(BUILD) = gpu ] || [ -z "$(TORCH_INDEX)" ] || [ "$$(uname -s)" != Linux ]; then from=; \
	elif $(ANSWERS) "$(TORCH_INDEX)" > /dev/null 2>&1; then from="--index-url $(TORCH_INDEX)"; \
	else from=; echo "$(TORCH_INDEX) cannot be reached: PyTorch comes from pip's own index," \
	    "which may bring some gigabytes for CUDA along. TORCH_INDEX=... names another." >&2; fi; \
	$(PIP) --no-deps $$from torch

run: $(READY) ## install, ingest ./ingest, and open the application
	$(BIN)/ingest || test $$? -eq 1  # 1: a file could not be read; the application shows which and why
	$(BIN)/jv3search ui

ui: $(READY) ## open the application, without ingesting first
	$(BIN)/jv3search ui

demo: $(READY) ## ingest ./ingest, and search it in three languages on the command line
	$(BIN)/ingest
	@for question in "Wie stelle ich gelöschte Dateien aus einer Sicherung wieder her?" \
	                 "how do I change the ink cartridge of my printer?" \
	                 "如何选择一个安全的密码？"; do \
	    printf '\n\033[1m? %s\033[0m\n\n' "$$question"; \
	    $(BIN)/jv3search search --k 3 "$$question" || exit 1; \
	done

test: $(DEV) browser ## install what the tests need, Chromium too where possible, and run them
	$(BIN)/python -m pytest -n auto --dist loadfile

test-clients: $(CLIENTS)/installed ## the bridges and other people's clients with transcripts, in an environment of their own
	$(CLIENTS)/bin/python -m pytest tests/bridges
	$(CLIENTS)/bin/python -m pytest -rP tests/api/test_clients.py

$(CLIENTS)/installed: pyproject.toml constraints.txt tests/clients.txt
	@echo "Installing jv3search, frameworks and clients into $(CLIENTS) (2 GB, some minutes) ..." >&2
	@$(MAKE) --no-print-directory torch VENV=$(CLIENTS) GPU=0
	$(CLIENTS)/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt \
	    -e '.[serve,bridges]' -r tests/clients.txt
	@touch $@

test-ray: $(RAY)/installed ## ingest on a Ray cluster of three nodes on this machine, in an environment of its own
	$(RAY)/bin/python -m pytest tests/cluster

$(RAY)/installed: pyproject.toml constraints.txt
	@echo "Installing jv3search, its tests and Ray into $(RAY) (some minutes) ..." >&2
	@$(MAKE) --no-print-directory torch VENV=$(RAY) GPU=0
	$(RAY)/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,ray]'
	@touch $@

# The server listens on all addresses, so it gets a network of its own; PyPI has one for Linux on x86-64, of 2024.
test-milvus: $(MILVUS)/installed ## the promises of an index on a real Milvus server, on Linux, in an environment of its own
	unshare -rn sh -c 'ip link set lo up && exec $(MILVUS)/bin/python -m tests.milvus_server $(MILVUS)/bin/python -m pytest \
	    tests/indexes/test_contract.py tests/indexes/test_filters.py tests/indexes/test_milvus.py \
	    -k "milvus and not in_a_database"'

$(MILVUS)/installed: pyproject.toml constraints.txt
	@echo "Installing jv3search, its tests and a Milvus server into $(MILVUS) (some minutes) ..." >&2
	@$(MAKE) --no-print-directory torch VENV=$(MILVUS) GPU=0
	$(MILVUS)/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	$(MILVUS)/bin/python -m pip install --disable-pip-version-check -q --no-deps milvus==2.3.5
	@touch $@

browser:         ## Chromium and fonts for the browser tests, on Debian and Ubuntu as root or with sudo
	@for there in chromium chromium-browser; do if command -v $$there > /dev/null; then exit 0; fi; done; \
	command -v apt-get > /dev/null || exit 0; \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2> /dev/null; then as_root=sudo; else exit 0; fi; \
	echo "Installing Chromium and fonts for the browser tests ..." >&2; \
	$$as_root apt-get update -q > /dev/null; \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
	    chromium fonts-noto-core fonts-noto-cjk > /dev/null \
	|| echo "Chromium could not be installed; the tests run without a browser." >&2

check: $(DEV) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(DEV) ## every page of the application, into docs/screenshots (needs Chromium)
	$(BIN)/python -m docs.screenshots

bench: $(DEV) ## speed and memory, side by side; see benchmarks/README.md
	$(PIP) -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks.encoder
	$(BIN)/python -m benchmarks.at_size --sizes 1000 10000

bench-peers: $(PEERS)/installed ## other products and libraries, same documents and weights; see docs/benchmarks
	$(PEERS)/bin/python -m benchmarks.peers
	$(PEERS)/bin/python -m benchmarks.peers.libraries
	$(PEERS)/bin/python -m benchmarks.peers.plots

$(PEERS)/installed: pyproject.toml constraints.txt benchmarks/peers/requirements.txt
	@echo "Installing jv3search, other products and libraries into $(PEERS) (2 GB, some minutes) ..." >&2
	@$(MAKE) --no-print-directory torch VENV=$(PEERS) GPU=0
	$(PEERS)/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt \
	    -e '.[torch,plot]' -r benchmarks/peers/requirements.txt
	@touch $@

train-mini: $(DEV) ## make the bundled model from nothing, DEVICE=cuda on a GPU; see training/README.md
	$(PIP) -r training/requirements.txt
	$(BIN)/python -m training.run --device $(DEVICE)

wheel: $(DEV) ## build dist/*.whl
	$(BIN)/python -m build --wheel

clean:           ## remove the environment and what was built
	rm -rf $(VENV) $(CLIENTS) $(PEERS) $(RAY) $(MILVUS) dist build
