#!/bin/sh
# ruff, its format check, and mypy. Needs scripts/venv.sh test lint.
set -eu
cd "$(dirname "$0")/.."

echo "== ruff check"
.venv/bin/ruff check .
echo "== ruff format --check"
.venv/bin/ruff format --check .
exec sh scripts/mypy.sh
