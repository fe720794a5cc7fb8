#!/bin/sh
# mypy --strict over a user's program, as the user has Sandpiper: installed editable, and installed plainly.
set -eu
cd "$(dirname "$0")/.."
sh scripts/venv.sh test lint

program=$PWD/examples/typed_bot.py
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$PWD/.venv/bin/python" -m venv --without-pip "$tmp/plain"
.venv/bin/python -m pip --python "$tmp/plain/bin/python" install -qq --disable-pip-version-check . </dev/null

mypy=$PWD/.venv/bin/mypy
cd "$tmp" # where no source of ours lies beside it
echo "== mypy --strict: a program, with an editable install"
"$mypy" --strict "$program"
echo "== mypy --strict: a program, with a plain install"
"$mypy" --strict --python-executable "$tmp/plain/bin/python" "$program"
