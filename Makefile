# The words a person types, and the words CI uses. Everything lives in .venv; delete it to start afresh.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt

.PHONY: run demo ui screenshots test check format bench train-mini samples wheel clean help

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/: .*##/\t/' | expand -t 14

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "Installing jv3search and what it needs into $(VENV) (a few minutes the first time) ..." >&2
	$(PIP) -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) -e '.[dev]'
	@touch $@

run: $(VENV)/installed ## install, ingest ./ingest, and open the application
	$(BIN)/ingest || test $$? -eq 1  # 1: a file could not be read; the application shows which and why
	$(BIN)/jv3search ui

ui: $(VENV)/installed ## open the application, without ingesting first
	$(BIN)/jv3search ui

demo: $(VENV)/installed ## ingest ./ingest, and search it in three languages on the command line
	$(BIN)/ingest
	@for question in "Wie stelle ich gelöschte Dateien aus einer Sicherung wieder her?" \
	                 "how do I change the ink cartridge of my printer?" \
	                 "如何选择一个安全的密码？"; do \
	    printf '\n\033[1m? %s\033[0m\n\n' "$$question"; \
	    $(BIN)/jv3search search --k 3 "$$question" || exit 1; \
	done

test: $(VENV)/installed-dev  ## install what the tests need, and run them
	$(BIN)/python -m pytest

check: $(VENV)/installed-dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(VENV)/installed-dev ## every page of the application, into docs/screenshots (needs Chromium)
	$(BIN)/python -m docs.screenshots

bench: $(VENV)/installed-dev ## speed and memory, side by side; see benchmarks/README.md
	$(PIP) -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks.encoder
	$(BIN)/python -m benchmarks.search_100k

train-mini: $(VENV)/installed-dev ## make the bundled model from nothing; see training/README.md
	$(PIP) -r training/requirements.txt
	$(BIN)/python -m training.run

wheel: $(VENV)/installed-dev ## build dist/*.whl
	$(BIN)/python -m build --wheel

clean:           ## remove the environment and what was built
	rm -rf $(VENV) dist build
