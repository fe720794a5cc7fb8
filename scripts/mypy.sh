#!/bin/sh
# mypy --strict on source and tests. Needs scripts/venv.sh test lint.
set -eu
cd "$(dirname "$0")/.."

# What is installed is checked silently; by this link the same modules are our own, whose errors are told.
tree=.venv/tree
mkdir -p "$tree"
rm -f "$tree/sandpiper"
ln -s ../.. "$tree/sandpiper"
export MYPYPATH="$tree"

packages=$(sed -n '/^packages = \[/,/^]/s/^ *"\(sandpiper\.[a-z_]*\)",.*/-p \1/p' pyproject.toml) # with their subpackages
echo "== mypy --strict: source"
# shellcheck disable=SC2086  # one word each
.venv/bin/mypy --strict $packages
echo "== mypy --strict: tests and scripts"
.venv/bin/mypy --strict tests scripts examples/bot.py examples/original
