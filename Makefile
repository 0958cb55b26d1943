# Every target works from a fresh clone; nothing is installed outside .venv.
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.8
BIN := .venv/bin
# One worker a core; a file's tests stay together, because they share orgs and nights.
PARALLEL := -n auto --dist loadfile
export UV_PROJECT_ENVIRONMENT := .venv

.PHONY: run test test-slow check serve setup clean bench-night bench-log bench-extract bench-marts bench-plan
.DEFAULT_GOAL := run

.venv/ready: uv.lock pyproject.toml
	@echo "Setting up .venv from uv.lock …"
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "Python 3.11 to 3.13 is needed; '$(PYTHON)' is another (set PYTHON=python3.12, say)"; exit 2; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@$(BIN)/uv sync --frozen --inexact --compile-bytecode --quiet --python $(BIN)/python
	@touch .venv/ready

setup: .venv/ready

run: .venv/ready
	@$(BIN)/gyakusan demo

serve: .venv/ready
	@$(BIN)/gyakusan serve

test: .venv/ready check
	@$(BIN)/python -m pytest -m "not slow" $(PARALLEL)

test-slow: .venv/ready
	@$(BIN)/python -m pytest -m slow $(PARALLEL)

bench-night: .venv/ready
	@$(BIN)/python benches/night.py

bench-log: .venv/ready
	@$(BIN)/python benches/log.py

bench-extract: .venv/ready
	@$(BIN)/python benches/extract.py

bench-marts: .venv/ready
	@$(BIN)/python benches/marts.py

bench-plan: .venv/ready
	@$(BIN)/python benches/plan.py

check: .venv/ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt/models

clean:
	rm -rf data .venv
