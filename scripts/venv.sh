#!/bin/sh
# Makes .venv in this checkout, with Sandpiper and the named extras in it, and does nothing when that is done already.
#
#     sh scripts/venv.sh [EXTRA...]         e.g. test lint; PYTHON=... names the interpreter to make it with
#
# The install is editable: it follows the source, and only another pyproject.toml, another extra, a new or removed file or
# a moved checkout makes it run again. Quiet when all is well; what goes wrong is shown as the tool said it, but without a
# network in one line: pip takes twenty.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'sandpiper: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# A new enough Python that can make a venv by itself; else one that has pip; else the reason.
find_python() {
    with_pip= bare=
    for python in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10 python3.14 python}; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 || continue
        if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            echo "$python"
            return
        fi
        bare=${bare:-$python}
        "$python" -c 'import pip, venv' >/dev/null 2>&1 && with_pip=${with_pip:-$python}
    done
    [ -z "$with_pip" ] || { echo "$with_pip --without-pip"; return; }
    [ -n "$bare" ] || die "no Python 3.10 or newer found${PYTHON:+ as $PYTHON}. Install one (Debian, Ubuntu:" \
        "sudo apt install python3 python3-venv; macOS: brew install python), or say which: make PYTHON=/path/to/python3"
    version=$("$bare" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    die "$bare ($version) can make no virtual environment: ensurepip is missing. Debian, Ubuntu:" \
        "sudo apt install python3-venv (or python$version-venv)"
}

make_venv() {
    found=$(find_python)
    python=${found%% *}
    say "making .venv with $("$python" --version 2>&1) ..."
    if [ "$found" = "$python" ]; then
        "$python" -m venv --clear .venv
    else # Debian without python3-venv: the system's pip fills it, as `pip --python` can since 22.3
        "$python" -m venv --clear --without-pip .venv
        install "$python" -m pip --python .venv/bin/python install pip
    fi
}

# Runs pip, in words that one can do something with when it fails.
install() {
    "$@" -qq --disable-pip-version-check </dev/null 2>.venv/pip.log && return
    if grep -Eq 'connection broken by|Failed to establish|ProxyError|SSLError|timed out|from versions: none' .venv/pip.log; then
        die "the packages that it needs cannot be fetched: $(unreached). Run it again with a network, or behind a proxy" \
            "with HTTPS_PROXY set; pip's own words: $PWD/.venv/pip.log"
    fi
    cat .venv/pip.log >&2
    die "the install failed; pip's reason stands above"
}

# Why, in the system's words.
unreached() {
    why=$(sed -nE "s/.*\[Errno -?[0-9]+\] ([A-Za-z ]+).*/\1/p; s/.*(ProxyError|SSLError|timed out).*/\1/p" .venv/pip.log)
    printf '%s' "${why:-the package index is not reached}" | head -n 1
}

# Two terminals may come here at once; the second waits, and then finds all done.
lock() {
    until mkdir .venv-lock 2>/dev/null; do
        holder=$(cat .venv-lock/pid 2>/dev/null || true)
        if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
            rm -rf .venv-lock # its holder was killed
        else
            sleep 0.2
        fi
    done
    trap 'rm -rf .venv-lock' EXIT
    trap 'exit 130' INT TERM HUP
    echo $$ >.venv-lock/pid
}

state() {
    pwd
    cksum <pyproject.toml
    # Strict: type checkers and editors find the modules too. It links each file, so a new one is installed.
    find bridge broker chat cli common discovery peer tui -name '*.py' | LC_ALL=C sort | cksum
}
fresh() { [ "$(cat ".venv/made-$1" 2>/dev/null)" = "$(state)" ] && .venv/bin/python -c '' 2>/dev/null; }

all_fresh() {
    for extra in base "$@"; do
        fresh "$extra" || return 1
    done
}

all_fresh "$@" && exit 0
lock
all_fresh "$@" && exit 0
.venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
say "installing into .venv (only after a change of pyproject.toml, or with a new file) ..."
extras=$(IFS=,; echo "$*")
install .venv/bin/python -m pip install --config-settings editable_mode=strict --editable ".${extras:+[$extras]}"
for extra in base "$@"; do
    state >".venv/made-$extra"
done
